//! What is made of a data base of two flights.

use serde_json::{Value, json};

use super::call::Call;
use super::database::{Database, Flights, Segment};
use super::facts::{Facts, Order};

fn flights() -> Flights {
    let available = |seats: i64, price: i64| json!({"status": "available", "available_seats": {"economy": seats}, "prices": {"economy": price}});
    let flights = json!({
        "OUT": {
            "origin": "JFK", "destination": "SEA",
            "scheduled_departure_time_est": "22:00:00", "scheduled_arrival_time_est": "01:00:00+1",
            "dates": {"2024-05-14": {"status": "landed"}, "2024-05-15": {"status": "delayed"}, "2024-05-20": available(3, 120)},
        },
        "BACK": {
            "origin": "SEA", "destination": "JFK",
            "scheduled_departure_time_est": "01:00:00", "scheduled_arrival_time_est": "07:00:00",
            "dates": {"2024-05-22": available(5, 130), "2024-05-23": available(2, 140)},
        },
    });
    serde_json::from_value(flights).unwrap()
}

fn database() -> Database {
    let users = json!({"ann": {
        "payment_methods": {"certificate_1": {"source": "certificate"}, "credit_card_1": {"source": "credit_card"}},
        "membership": "gold", "reservations": ["R"],
    }});
    let reservations = json!({"R": {
        "user_id": "ann", "origin": "JFK", "destination": "SEA", "flight_type": "round_trip", "cabin": "economy",
        "flights": [{"flight_number": "OUT", "date": "2024-05-20"}, {"flight_number": "BACK", "date": "2024-05-22"}],
        "passengers": [{"first_name": "Ann", "last_name": "Lee", "dob": "1990-01-31"}],
        "created_at": "2024-05-15T09:00:00", "total_baggages": 1, "nonfree_baggages": 0, "insurance": "yes",
    }});
    Database {
        users: serde_json::from_value(users).unwrap(),
        reservations: serde_json::from_value(reservations).unwrap(),
    }
}

fn segments(list: &[(&str, &str)]) -> Vec<Segment> {
    let segment = |(number, date): &(&str, &str)| Segment {
        flight_number: (*number).to_owned(),
        date: (*date).to_owned(),
    };
    list.iter().map(segment).collect()
}

fn call(name: &str, arguments: Value) -> Call {
    serde_json::from_value(json!({"name": name, "arguments": arguments})).unwrap()
}

fn found(facts: Facts<'_>, kind: &str, id: &str) -> Value {
    let uid = json!({"type": kind, "id": id});
    let mut entities = facts.entities().into_iter();
    let entity = entities.find(|entity| entity["uid"] == uid);
    entity.unwrap_or_else(|| panic!("no {kind} `{id}`"))["attrs"].clone()
}

fn itinerary(list: &[(&str, &str)], reservation: bool) -> Value {
    let (database, flights) = (database(), flights());
    let mut facts = Facts::new(&database, &flights);
    let of = database.reservations.get("R").filter(|_| reservation);
    let order = Order {
        cabin: "economy",
        of,
    };
    let id = facts.itinerary(&segments(list), Some(&order));
    found(facts, "Itinerary", &id)
}

#[test]
fn a_trip_has_its_ends_its_stays_and_its_price() {
    let trip = itinerary(&[("OUT", "2024-05-20"), ("BACK", "2024-05-23")], false);
    assert_eq!(trip["origin"], "JFK");
    assert_eq!(trip["end"], "JFK");
    assert_eq!(trip["lands_at"], json!(["JFK", "SEA"]));
    assert_eq!(trip["stays_at"], json!(["SEA"]));
    assert_eq!(trip["connected"], true);
    assert_eq!(trip["unbookable"], json!([]));
    assert_eq!(trip["fare"], 26_000);
    assert_eq!(trip["seats"], 2);
}

/// The first flight lands on the 21st at 01:00, and the next one leaves 24 hours later.
#[test]
fn a_day_is_a_connection() {
    let trip = itinerary(&[("OUT", "2024-05-20"), ("BACK", "2024-05-22")], false);
    assert_eq!(trip["stays_at"], json!([]));
}

#[test]
fn a_flight_that_is_kept_needs_no_seat() {
    let trip = itinerary(&[("OUT", "2024-05-20"), ("BACK", "2024-05-22")], true);
    assert_eq!(trip.get("seats"), None);
    let other = itinerary(&[("OUT", "2024-05-20"), ("BACK", "2024-05-23")], true);
    assert_eq!(other["seats"], 2);
}

#[test]
fn what_cannot_be_booked_or_is_unknown_has_no_price() {
    let delayed = itinerary(&[("OUT", "2024-05-15")], false);
    assert_eq!(delayed["unbookable"], json!(["OUT 2024-05-15"]));
    assert_eq!(
        delayed["statuses"],
        json!([{"type": "FlightStatus", "id": "delayed"}])
    );
    assert_eq!(delayed.get("fare"), None);
    let unknown = itinerary(&[("OUT", "2024-05-20"), ("NONE", "2024-05-23")], false);
    assert_eq!(unknown["unbookable"], json!(["NONE 2024-05-23"]));
    assert_eq!(unknown["connected"], false);
    assert_eq!(unknown.get("fare"), None);
}

#[test]
fn what_has_landed_is_flown() {
    let trip = itinerary(&[("OUT", "2024-05-14"), ("BACK", "2024-05-22")], false);
    assert_eq!(trip["flown"], json!(["OUT 2024-05-14"]));
    let delayed = itinerary(&[("OUT", "2024-05-15")], false);
    assert_eq!(delayed["flown"], json!([]));
}

#[test]
fn passengers_are_counted_and_must_be_known() {
    let (database, flights) = (database(), flights());
    let call = call(
        "update_reservation_passengers",
        json!({"passengers": [
            {"first_name": "Ann", "last_name": "Lee", "dob": "1990-01-31"}, {"first_name": "Bo", "last_name": "Lee"},
        ]}),
    );
    let mut facts = Facts::new(&database, &flights);
    let id = facts.passengers(&call.list("passengers").unwrap());
    let attributes = json!({"count": 2, "complete": false});
    assert_eq!(found(facts, "Passengers", &id), attributes);
}

#[test]
fn each_use_of_a_payment_method_counts() {
    let (database, flights) = (database(), flights());
    let mut facts = Facts::new(&database, &flights);
    let user = database.users.get("ann");
    let paid = [
        ("credit_card_1", 100),
        ("credit_card_1", 50),
        ("gift_card_9", 5),
    ];
    let id = facts.payment(&paid, user);
    let payment = found(facts, "Payment", &id);
    assert_eq!(payment["credit_cards"], 2);
    assert_eq!(payment["gift_cards"], 1);
    assert_eq!(payment["certificates"], 0);
    assert_eq!(payment["total"], 155);
}

#[test]
fn a_write_changes_what_the_next_call_is_judged_on() {
    let (mut database, flights) = (database(), flights());
    let changed = json!([{"flight_number": "OUT", "date": "2024-05-20"}, {"flight_number": "BACK", "date": "2024-05-23"}]);
    let arguments = json!({"reservation_id": "R", "cabin": "business", "flights": changed, "payment_id": "credit_card_1"});
    database
        .apply(&call("update_reservation_flights", arguments))
        .unwrap();
    let mut facts = Facts::new(&database, &flights);
    facts.reservation("R").unwrap();
    let reservation = found(facts, "Reservation", "R");
    assert_eq!(reservation["changed"], true);
    assert_eq!(reservation["cabin"]["id"], "business");
    assert_eq!(reservation["cabin_before"]["id"], "economy");
    assert_eq!(
        reservation["flights"]["id"],
        "OUT 2024-05-20, BACK 2024-05-23"
    );
    assert_eq!(
        reservation["flights_before"]["id"],
        "OUT 2024-05-20, BACK 2024-05-22"
    );
    assert_eq!(reservation["created"], "2024-05-15T09:00:00-0500");
    assert_eq!(reservation["insurance"], true);
}

#[test]
fn a_certificate_is_used_up_and_a_card_is_not() {
    let mut database = database();
    let booking = json!({
        "user_id": "ann", "origin": "JFK", "destination": "SEA", "flight_type": "one_way", "cabin": "economy",
        "flights": [{"flight_number": "OUT", "date": "2024-05-20"}], "passengers": [],
        "payment_methods": [{"payment_id": "certificate_1", "amount": 100}, {"payment_id": "credit_card_1", "amount": 20}],
        "total_baggages": 0, "nonfree_baggages": 0, "insurance": "no",
    });
    database.apply(&call("book_reservation", booking)).unwrap();
    let user = database.users.get("ann").unwrap();
    let left: Vec<&String> = user.payment_methods.keys().collect();
    assert_eq!(left, ["credit_card_1"]);
    assert_eq!(user.reservations.len(), 2);
}
