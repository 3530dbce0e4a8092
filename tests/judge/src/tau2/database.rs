//! The data base of the bench, and what each tool writes into it: as far as a policy can see it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::call::{Call, text};

/// The time of the bench, as its data base writes times: without an offset, as on the clocks of the airline.
pub(crate) const CLOCK: &str = "2024-05-15T15:00:00";

/// Customers and their reservations. Flights never change.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) reservations: BTreeMap<String, Reservation>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct User {
    pub(crate) payment_methods: BTreeMap<String, PaymentMethod>,
    pub(crate) membership: String,
    pub(crate) reservations: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PaymentMethod {
    pub(crate) source: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Reservation {
    pub(crate) user_id: String,
    pub(crate) origin: String,
    pub(crate) destination: String,
    pub(crate) flight_type: String,
    pub(crate) cabin: String,
    pub(crate) flights: Vec<Segment>,
    pub(crate) passengers: Vec<Passenger>,
    pub(crate) created_at: String,
    pub(crate) total_baggages: i64,
    pub(crate) nonfree_baggages: i64,
    pub(crate) insurance: String,
    /// Flights and cabin when the conversation began, where they have been changed.
    #[serde(skip)]
    pub(crate) before: Option<(Vec<Segment>, String)>,
    #[serde(skip)]
    pub(crate) changed: bool,
}

/// A flight on a day.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Segment {
    pub(crate) flight_number: String,
    pub(crate) date: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Passenger {
    #[serde(default)]
    pub(crate) first_name: String,
    #[serde(default)]
    pub(crate) last_name: String,
    #[serde(default)]
    pub(crate) dob: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Flight {
    pub(crate) origin: String,
    pub(crate) destination: String,
    pub(crate) scheduled_departure_time_est: String,
    pub(crate) scheduled_arrival_time_est: String,
    pub(crate) dates: BTreeMap<String, Day>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Day {
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) available_seats: BTreeMap<String, i64>,
    /// In whole dollars.
    #[serde(default)]
    pub(crate) prices: BTreeMap<String, i64>,
}

pub(crate) type Flights = BTreeMap<String, Flight>;

/// Reads `users`, `reservations` and `flights`.
pub(crate) fn read(folder: &Path) -> Result<(Database, Flights), String> {
    let database = Database {
        users: table(folder, "users")?,
        reservations: table(folder, "reservations")?,
    };
    Ok((database, table(folder, "flights")?))
}

fn table<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<T, String> {
    let file = folder.join(format!("{name}.json.gz"));
    let faulty = |why: String| format!("`{}`: {why}", file.display());
    let compressed = File::open(&file).map_err(|error| faulty(error.to_string()))?;
    let text = std::io::read_to_string(GzDecoder::new(compressed));
    let text = text.map_err(|error| faulty(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| faulty(error.to_string()))
}

impl Database {
    /// Does what the tool does. A call that reads changes nothing.
    pub(crate) fn apply(&mut self, call: &Call) -> Result<(), String> {
        match call.name.as_str() {
            "book_reservation" => self.book(call),
            "cancel_reservation" => self.change(call, |_| Ok(())),
            "update_reservation_flights" => self.change(call, |reservation| {
                let flights: Vec<Segment> = call.list("flights")?;
                let cabin = text(call.argument("cabin")?)?.to_owned();
                let flights = std::mem::replace(&mut reservation.flights, flights);
                let cabin = std::mem::replace(&mut reservation.cabin, cabin);
                reservation.before.get_or_insert((flights, cabin));
                Ok(())
            }),
            "update_reservation_baggages" => self.change(call, |reservation| {
                reservation.total_baggages = call.integer("total_baggages")?;
                reservation.nonfree_baggages = call.integer("nonfree_baggages")?;
                Ok(())
            }),
            "update_reservation_passengers" => self.change(call, |reservation| {
                reservation.passengers = call.list("passengers")?;
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    fn change(
        &mut self,
        call: &Call,
        write: impl FnOnce(&mut Reservation) -> Result<(), String>,
    ) -> Result<(), String> {
        let id = call.text("reservation_id")?;
        let reservation = self.reservations.get_mut(id);
        let reservation = reservation.ok_or_else(|| format!("there is no reservation `{id}`"))?;
        reservation.changed = true;
        write(reservation)
    }

    /// A certificate is used up by a booking; cards stay.
    fn book(&mut self, call: &Call) -> Result<(), String> {
        let user_id = call.text("user_id")?;
        let user = self.users.get_mut(user_id);
        let user = user.ok_or_else(|| format!("there is no customer `{user_id}`"))?;
        for payment in call.objects("payment_methods")? {
            let id = payment.get("payment_id").map(text).transpose()?;
            let id = id.unwrap_or_default();
            if user
                .payment_methods
                .get(id)
                .is_some_and(PaymentMethod::is_certificate)
            {
                user.payment_methods.remove(id);
            }
        }
        let id = format!("NEW{:03}", self.reservations.len());
        user.reservations.push(id.clone());
        let reservation = Reservation {
            user_id: user_id.to_owned(),
            origin: call.text("origin")?.to_owned(),
            destination: call.text("destination")?.to_owned(),
            flight_type: call.text("flight_type")?.to_owned(),
            cabin: call.text("cabin")?.to_owned(),
            flights: call.list("flights")?,
            passengers: call.list("passengers")?,
            created_at: CLOCK.to_owned(),
            total_baggages: call.integer("total_baggages")?,
            nonfree_baggages: call.integer("nonfree_baggages")?,
            insurance: call.text("insurance")?.to_owned(),
            before: None,
            changed: false,
        };
        self.reservations.insert(id, reservation);
        Ok(())
    }
}

impl PaymentMethod {
    fn is_certificate(&self) -> bool {
        self.source == "certificate"
    }
}
