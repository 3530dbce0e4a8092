//! A call as a request: the tool's arguments, and the facts that they speak of.

use ambit_core::minor_units;
use serde_json::{Map, Value, json};

use super::call::{Call, text};
use super::database::{Passenger, Reservation, Segment};
use super::facts::{Facts, Order};

/// What an agent asks and a host knows.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) action: String,
    /// Type and id.
    pub(crate) resource: (&'static str, String),
    pub(crate) args: Map<String, Value>,
    pub(crate) entities: Vec<Value>,
}

/// Puts a call into the words of the vocabulary. `claim` is the reason that the customer gives. A
/// certificate is for a reservation that the tool is not told: `complaint` names one.
pub(crate) fn ask(
    call: &Call,
    mut facts: Facts<'_>,
    claim: &str,
    complaint: Option<&str>,
) -> Result<Ask, String> {
    let (resource, args) = match call.name.as_str() {
        "book_reservation" => book(call, &mut facts)?,
        "send_certificate" => certificate(call, &mut facts, complaint)?,
        _ => change(call, &mut facts, claim)?,
    };
    Ok(Ask {
        action: call.name.clone(),
        resource,
        args,
        entities: facts.entities(),
    })
}

type Asked = ((&'static str, String), Map<String, Value>);

fn book(call: &Call, facts: &mut Facts<'_>) -> Result<Asked, String> {
    let customer = call.text("user_id")?;
    let user = facts.customer(customer);
    let segments: Vec<Segment> = call.list("flights")?;
    let order = Order {
        cabin: call.text("cabin")?,
        of: None,
    };
    let passengers: Vec<Passenger> = call.list("passengers")?;
    let payments = call.objects("payment_methods")?;
    let payments = payments.iter().map(|payment| {
        let id = payment.get("payment_id").map(text).transpose()?;
        let id = id.ok_or("a payment has no `payment_id`")?;
        Ok((id, cents(payment.get("amount"))?))
    });
    let payments: Vec<(&str, i64)> = payments.collect::<Result<_, String>>()?;
    let mut args = Map::new();
    for name in [
        "origin",
        "destination",
        "flight_type",
        "cabin",
        "total_baggages",
        "nonfree_baggages",
    ] {
        args.insert(name.to_owned(), call.argument(name)?.clone());
    }
    let mut put = |name: &str, value: Value| args.insert(name.to_owned(), value);
    put("flights", facts.itinerary(&segments, Some(&order)).into());
    put("passengers", facts.passengers(&passengers).into());
    put("payment_methods", facts.payment(&payments, user).into());
    put("insurance", (call.text("insurance")? == "yes").into());
    Ok((("customer", customer.to_owned()), args))
}

fn certificate(
    call: &Call,
    facts: &mut Facts<'_>,
    complaint: Option<&str>,
) -> Result<Asked, String> {
    let customer = call.text("user_id")?;
    facts.customer(customer);
    let reservation = complaint.ok_or("no reservation is there to complain about")?;
    facts.reservation(reservation);
    let args = json!({"reservation": reservation, "amount": call.argument("amount")?});
    Ok((("customer", customer.to_owned()), members(args)))
}

fn change(call: &Call, facts: &mut Facts<'_>, claim: &str) -> Result<Asked, String> {
    let id = call.text("reservation_id")?;
    let reservation = facts.reservation(id);
    let args = match call.name.as_str() {
        "cancel_reservation" => json!({"reason": reason(claim)}),
        "update_reservation_passengers" => {
            let passengers: Vec<Passenger> = call.list("passengers")?;
            json!({"passengers": facts.passengers(&passengers)})
        }
        "update_reservation_flights" => json!({
            "cabin": call.argument("cabin")?,
            "flights": flights(call, facts, reservation)?,
            "payment_id": method(call, facts, reservation)?,
        }),
        "update_reservation_baggages" => json!({
            "total_baggages": call.argument("total_baggages")?,
            "nonfree_baggages": call.argument("nonfree_baggages")?,
            "payment_id": method(call, facts, reservation)?,
        }),
        name => return Err(format!("`{name}` writes nothing")),
    };
    Ok((("reservation", id.to_owned()), members(args)))
}

fn flights(
    call: &Call,
    facts: &mut Facts<'_>,
    reservation: Option<&Reservation>,
) -> Result<String, String> {
    let segments: Vec<Segment> = call.list("flights")?;
    let order = Order {
        cabin: call.text("cabin")?,
        of: reservation,
    };
    Ok(facts.itinerary(&segments, Some(&order)))
}

fn method(
    call: &Call,
    facts: &mut Facts<'_>,
    reservation: Option<&Reservation>,
) -> Result<String, String> {
    let id = call.text("payment_id")?;
    let user = reservation.and_then(|reservation| facts.customer(&reservation.user_id));
    facts.method(id, user);
    Ok(id.to_owned())
}

/// The reason that the vocabulary has for what a customer says.
fn reason(claim: &str) -> &str {
    let known = ["change_of_plan", "airline_cancelled", "health", "weather"];
    known
        .into_iter()
        .find(|known| *known == claim)
        .unwrap_or("other")
}

fn cents(amount: Option<&Value>) -> Result<i64, String> {
    let text = amount.and_then(Value::as_number).map(ToString::to_string);
    let cents = text.as_deref().and_then(|text| minor_units(text, 2));
    cents.ok_or_else(|| "a payment has no amount in dollars and cents".to_owned())
}

fn members(args: Value) -> Map<String, Value> {
    match args {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
