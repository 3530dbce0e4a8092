//! What a host knows of a call: entities made from the data base.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use jiff::{Span, ToSpan as _};
use serde_json::{Map, Value, json};

use super::database::{Database, Flight, Flights, PaymentMethod, Reservation, Segment, User};

/// The longest stay at an airport that is a connection: after that it is a destination.
const CONNECTION: i64 = 24;
const CENTS: i64 = 100;
/// The data base writes times of this offset (EST) without it.
const OFFSET: &str = "-0500";

/// Entities in Cedar's JSON form.
#[derive(Debug)]
pub(crate) struct Facts<'d> {
    database: &'d Database,
    flights: &'d Flights,
    entities: Vec<Value>,
}

impl<'d> Facts<'d> {
    pub(crate) const fn new(database: &'d Database, flights: &'d Flights) -> Self {
        Self {
            database,
            flights,
            entities: Vec::new(),
        }
    }

    pub(crate) fn entities(self) -> Vec<Value> {
        self.entities
    }

    /// Flights that a reservation has and that are asked for again are described for what is asked.
    fn put(&mut self, kind: &str, id: &str, attributes: Value) {
        let uid = uid(kind, id);
        self.entities.retain(|entity| entity["uid"] != uid);
        let entity = json!({"uid": uid, "attrs": attributes, "parents": []});
        self.entities.push(entity);
    }

    /// A customer, with what is in the profile. Nothing is said of one who is unknown.
    pub(crate) fn customer(&mut self, id: &str) -> Option<&'d User> {
        let user = self.database.users.get(id)?;
        let methods: Vec<&String> = user.payment_methods.keys().collect();
        for id in &methods {
            self.method(id, Some(user));
        }
        let methods: Vec<Value> = methods.iter().map(|id| uid("PaymentMethod", id)).collect();
        self.put(
            "Customer",
            id,
            json!({
                "person": uid("Ambit::User", &person(id)),
                "membership": uid("Membership", &user.membership),
                "payment_methods": methods,
            }),
        );
        Some(user)
    }

    /// A payment method and its kind, which its name tells where the profile does not have it.
    pub(crate) fn method(&mut self, id: &str, user: Option<&User>) -> Option<&'static str> {
        let known = user.and_then(|user| user.payment_methods.get(id));
        let kind = known.map_or(id, |method: &PaymentMethod| method.source.as_str());
        let kinds = ["credit_card", "gift_card", "certificate"];
        let kind = kinds.into_iter().find(|known| kind.starts_with(known))?;
        self.put(
            "PaymentMethod",
            id,
            json!({"kind": uid("PaymentKind", kind)}),
        );
        Some(kind)
    }

    /// A reservation with its customer and its flights.
    pub(crate) fn reservation(&mut self, id: &str) -> Option<&'d Reservation> {
        let found = self.database.reservations.get(id)?;
        self.customer(&found.user_id);
        let flights = self.itinerary(&found.flights, None);
        let before = found.before.as_ref();
        let (before, cabin_before) = before
            .map_or((&found.flights, &found.cabin), |(flights, cabin)| {
                (flights, cabin)
            });
        let before = self.itinerary(before, None);
        self.put(
            "Reservation",
            id,
            json!({
                "customer": uid("Customer", &found.user_id),
                "trip": uid("TripType", &found.flight_type),
                "origin": found.origin,
                "destination": found.destination,
                "cabin": uid("Cabin", &found.cabin),
                "flights": uid("Itinerary", &flights),
                "flights_before": uid("Itinerary", &before),
                "cabin_before": uid("Cabin", cabin_before),
                "changed": found.changed,
                "passengers": found.passengers.len(),
                "insurance": found.insurance == "yes",
                "created": format!("{}{OFFSET}", found.created_at),
                "total_baggages": found.total_baggages,
                "nonfree_baggages": found.nonfree_baggages,
            }),
        );
        Some(found)
    }

    /// Flights in their order; gives the id. What seats and fares there are, only an order can say.
    pub(crate) fn itinerary(&mut self, segments: &[Segment], order: Option<&Order<'_>>) -> String {
        let id = listed(segments.iter().map(Segment::name));
        let legs: Vec<Leg<'_>> = segments
            .iter()
            .map(|segment| Leg::new(self.flights, segment))
            .collect();
        let mut attributes = described(&legs);
        if let Some(order) = order {
            let fare = legs.iter().map(|leg| leg.fare(order)).sum::<Option<i64>>();
            let anew = legs.iter().filter(|leg| !order.keeps(leg.segment));
            let seats = anew.filter_map(|leg| leg.seats(order)).min();
            let known = [("fare", fare.map(|fare| fare * CENTS)), ("seats", seats)];
            let known = known
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
            attributes.extend(known);
        }
        self.put("Itinerary", &id, Value::Object(attributes));
        id
    }

    pub(crate) fn passengers(&mut self, list: &[super::database::Passenger]) -> String {
        let name = |one: &super::database::Passenger| {
            format!("{} {} {}", one.first_name, one.last_name, one.dob)
        };
        let id = listed(list.iter().map(name));
        let complete = list.iter().all(|one| {
            let named = !one.first_name.trim().is_empty() && !one.last_name.trim().is_empty();
            named && one.dob.parse::<jiff::civil::Date>().is_ok()
        });
        let attributes = json!({"count": list.len(), "complete": complete});
        self.put("Passengers", &id, attributes);
        id
    }

    /// What is paid with which method: id and cents of each.
    pub(crate) fn payment(&mut self, payments: &[(&str, i64)], user: Option<&User>) -> String {
        let cents = |cents: i64| format!("{}.{:02}", cents / CENTS, (cents % CENTS).abs());
        let id = listed(
            payments
                .iter()
                .map(|(id, paid)| format!("{id} {}", cents(*paid))),
        );
        let kinds: Vec<Option<&str>> = payments
            .iter()
            .map(|(id, _)| self.method(id, user))
            .collect();
        let count = |kind| kinds.iter().filter(|known| **known == Some(kind)).count();
        let methods: BTreeSet<&str> = payments.iter().map(|(id, _)| *id).collect();
        let methods: Vec<Value> = methods.iter().map(|id| uid("PaymentMethod", id)).collect();
        let attributes = json!({
            "methods": methods,
            "certificates": count("certificate"),
            "credit_cards": count("credit_card"),
            "gift_cards": count("gift_card"),
            "total": payments.iter().map(|(_, cents)| cents).sum::<i64>(),
        });
        self.put("Payment", &id, attributes);
        id
    }
}

/// What flights are wanted for.
#[derive(Debug)]
pub(crate) struct Order<'d> {
    pub(crate) cabin: &'d str,
    /// The reservation that is changed.
    pub(crate) of: Option<&'d Reservation>,
}

impl Order<'_> {
    /// Whether the reservation has this flight in this cabin already.
    fn keeps(&self, segment: &Segment) -> bool {
        let kept = |of: &Reservation| of.cabin == self.cabin && of.flights.contains(segment);
        self.of.is_some_and(kept)
    }
}

/// A flight of an itinerary, where the data base knows it.
struct Leg<'d> {
    segment: &'d Segment,
    flight: Option<&'d Flight>,
}

impl<'d> Leg<'d> {
    fn new(flights: &'d Flights, segment: &'d Segment) -> Self {
        let flight = flights.get(&segment.flight_number);
        Self { segment, flight }
    }

    fn day(&self) -> Option<&'d super::database::Day> {
        self.flight?.dates.get(&self.segment.date)
    }

    fn is_available(&self) -> bool {
        self.day().is_some_and(|day| day.status == "available")
    }

    fn has_taken_off(&self) -> bool {
        let flown =
            |day: &super::database::Day| ["flying", "landed"].contains(&day.status.as_str());
        self.day().is_some_and(flown)
    }

    fn fare(&self, order: &Order<'_>) -> Option<i64> {
        self.day()?.prices.get(order.cabin).copied()
    }

    fn seats(&self, order: &Order<'_>) -> Option<i64> {
        self.day()?.available_seats.get(order.cabin).copied()
    }

    fn departure(&self) -> Option<DateTime> {
        self.at(&self.flight?.scheduled_departure_time_est)
    }

    fn arrival(&self) -> Option<DateTime> {
        self.at(&self.flight?.scheduled_arrival_time_est)
    }

    /// The time on the flight's day: `23:30:00`, or `01:30:00+1` on the next one.
    fn at(&self, time: &str) -> Option<DateTime> {
        let (time, days) = time.split_once('+').unwrap_or((time, "0"));
        let date: jiff::civil::Date = self.segment.date.parse().ok()?;
        let days: i64 = days.parse().ok()?;
        let at = date.to_datetime(time.parse().ok()?);
        at.checked_add(days.days()).ok()
    }
}

/// The facts of flights as a trip.
fn described(legs: &[Leg<'_>]) -> Map<String, Value> {
    let origin = |leg: &Leg<'_>| leg.flight.map(|flight| flight.origin.clone());
    let end = |leg: &Leg<'_>| leg.flight.map(|flight| flight.destination.clone());
    let pairs = || legs.iter().zip(legs.iter().skip(1));
    let connected = legs.iter().all(|leg| leg.flight.is_some())
        && pairs().all(|(one, next)| end(one) == origin(next));
    let stays = pairs().filter(|(one, next)| stays(one, next));
    let texts = |texts: BTreeSet<String>| Value::from_iter(texts);
    let statuses: BTreeSet<&str> = legs
        .iter()
        .filter_map(Leg::day)
        .map(|day| day.status.as_str())
        .collect();
    let statuses: Vec<Value> = statuses
        .iter()
        .map(|status| uid("FlightStatus", status))
        .collect();
    let mut attributes = Map::new();
    let mut put = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
    put(
        "flights",
        texts(legs.iter().map(|leg| leg.segment.name()).collect()),
    );
    put("statuses", statuses.into());
    let unbookable = legs.iter().filter(|leg| !leg.is_available());
    put(
        "unbookable",
        texts(unbookable.map(|leg| leg.segment.name()).collect()),
    );
    let flown = legs.iter().filter(|leg| leg.has_taken_off());
    put(
        "flown",
        texts(flown.map(|leg| leg.segment.name()).collect()),
    );
    put(
        "origin",
        legs.first().and_then(origin).unwrap_or_default().into(),
    );
    put("end", legs.last().and_then(end).unwrap_or_default().into());
    put("lands_at", texts(legs.iter().filter_map(end).collect()));
    put(
        "stays_at",
        texts(stays.filter_map(|(one, _)| end(one)).collect()),
    );
    put("connected", connected.into());
    attributes
}

/// Whether the traveller stays between two flights for longer than a connection takes.
fn stays(one: &Leg<'_>, next: &Leg<'_>) -> bool {
    let Some((arrival, departure)) = one.arrival().zip(next.departure()) else {
        return false;
    };
    let longest: Span = CONNECTION.hours();
    arrival
        .checked_add(longest)
        .is_ok_and(|last| departure > last)
}

impl Segment {
    fn name(&self) -> String {
        format!("{} {}", self.flight_number, self.date)
    }
}

/// The id of a list: its elements in their order.
fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn uid(kind: &str, id: &str) -> Value {
    json!({"type": kind, "id": id})
}

/// Who the customer is in tokens.
pub(crate) fn person(user_id: &str) -> String {
    format!("user:{user_id}")
}
