//! Values that are equal to another one, differ in its spelling, or miss it by one step.

use super::data::Val;
use super::dice::Dice;
use super::expr::Piece;
use super::schema::Ty;
use super::world::World;

/// A literal near `value`: equal in about half of all cases.
pub(crate) fn near(world: &World, dice: &mut Dice, ty: &Ty, value: &Val) -> Val {
    match dice.below(10) {
        0..5 => respelled(dice, value),
        5..8 => beside(world, dice, ty, value),
        _ => world.scalar(dice, ty),
    }
}

/// The same value, perhaps written in another way.
pub(crate) fn respelled(dice: &mut Dice, value: &Val) -> Val {
    match value {
        Val::Ext(function, text, form) if dice.chance(50) => {
            let text = match *function {
                "decimal" => respell_decimal(text),
                "ip" => respell_ip(text),
                "datetime" => respell_datetime(text),
                _ => respell_duration(text),
            };
            Val::Ext(function, text, *form)
        }
        Val::Set(items) => {
            let mut items: Vec<Val> = items.iter().map(|item| respelled(dice, item)).collect();
            if let Some(again) = dice.pick(&items).cloned()
                && dice.chance(40)
            {
                items.push(again);
            }
            dice.shuffle(&mut items);
            Val::Set(items)
        }
        other => other.clone(),
    }
}

fn respell_decimal(text: &str) -> String {
    let digits = text
        .split_once('.')
        .map_or(4, |(_, fraction)| fraction.len());
    match text.strip_suffix('0') {
        Some(shorter) if digits == 4 => shorter.to_owned(),
        _ if digits < 4 => format!("{text}0"),
        _ => text.to_owned(),
    }
}

fn respell_ip(text: &str) -> String {
    if let Some(bare) = text
        .strip_suffix("/32")
        .or_else(|| text.strip_suffix("/128"))
    {
        return bare.to_owned();
    }
    let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
    match address.parse::<std::net::Ipv6Addr>() {
        Ok(address) => {
            let parts: Vec<String> = address
                .segments()
                .map(|part| format!("{part:04X}"))
                .to_vec();
            let prefix = if prefix.is_empty() { "128" } else { prefix };
            format!("{}/{prefix}", parts.join(":"))
        }
        Err(_) if prefix.is_empty() => format!("{text}/32"),
        Err(_) => text.to_owned(),
    }
}

fn respell_datetime(text: &str) -> String {
    if let Some(short) = text.strip_suffix(".000Z") {
        return format!("{short}+0000");
    }
    if let Some(short) = text.strip_suffix("T00:00:00Z") {
        return short.to_owned();
    }
    match text.strip_suffix('Z') {
        Some(short) => format!("{short}-0000"),
        None if text.len() == 10 => format!("{text}T00:00:00.000Z"),
        None => text.to_owned(),
    }
}

fn respell_duration(text: &str) -> String {
    match text.strip_suffix("ms") {
        Some(short) => match short.strip_suffix("000") {
            Some(seconds) if seconds.bytes().any(|byte| byte.is_ascii_digit()) => {
                format!("{seconds}s")
            }
            _ => text.to_owned(),
        },
        None => format!("{text}0ms"),
    }
}

/// A value that differs in as little as can be.
pub(crate) fn beside(world: &World, dice: &mut Dice, ty: &Ty, value: &Val) -> Val {
    match (value, ty) {
        (Val::Bool(value), _) => Val::Bool(!value),
        (Val::Long(value), _) => Val::Long(if dice.chance(50) {
            value.saturating_add(1)
        } else {
            value.saturating_sub(1)
        }),
        (Val::Str(text), _) => Val::Str(beside_text(dice, text)),
        (Val::Set(items), Ty::Set(element)) => {
            let mut items = items.clone();
            if dice.chance(50) && items.len() > 1 {
                items.pop();
            } else {
                items.push(world.scalar(dice, element));
            }
            Val::Set(items)
        }
        (Val::Record(members), Ty::Record(attrs)) => {
            let mut members = members.clone();
            if let Some(attr) = dice.pick(attrs)
                && let Some(member) = members.get_mut(&attr.name)
            {
                *member = beside(world, dice, &attr.ty, member);
            }
            Val::Record(members)
        }
        (Val::Ext("decimal", text, form), _) => {
            Val::Ext("decimal", beside_decimal(dice, text), *form)
        }
        _ => world.scalar(dice, ty),
    }
}

fn beside_text(dice: &mut Dice, text: &str) -> String {
    match dice.below(4) {
        0 => format!("{text}a"),
        1 => text.to_uppercase(),
        2 => text.chars().skip(1).collect(),
        _ => format!("{text} "),
    }
}

fn beside_decimal(dice: &mut Dice, text: &str) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let parsed = format!("{}{fraction:0<4}", whole.trim_start_matches('-')).parse::<i128>();
    let Ok(units) = parsed else {
        return text.to_owned();
    };
    let units = if whole.starts_with('-') {
        -units
    } else {
        units
    };
    let next = units + if dice.chance(50) { 1 } else { -1 };
    let next = next.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    let sign = if next < 0 { "-" } else { "" };
    let size = next.unsigned_abs();
    format!("{sign}{}.{:04}", size / 10_000, size % 10_000)
}

/// A range that the address lies in, or just not.
pub(crate) fn range_around(dice: &mut Dice, text: &str) -> String {
    let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
    let widest = if address.contains(':') { 128 } else { 32 };
    let own: usize = prefix.parse().unwrap_or(widest);
    let prefix = match dice.below(5) {
        0 => own,
        1 => own.saturating_sub(1),
        2 => (own + 1).min(widest),
        _ => dice.between(0, own),
    };
    format!("{address}/{prefix}")
}

/// A pattern for a text: it mostly matches.
pub(crate) fn pattern(dice: &mut Dice, text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let flush = |literal: &mut String, pieces: &mut Vec<Piece>| {
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(literal)));
        }
    };
    for character in text.chars() {
        match dice.below(12) {
            // The character's place is taken by a wildcard.
            0..2 => {
                flush(&mut literal, &mut pieces);
                pieces.push(Piece::Wildcard);
            }
            // A wildcard for nothing, before it.
            2 => {
                flush(&mut literal, &mut pieces);
                pieces.push(Piece::Wildcard);
                literal.push(character);
            }
            3 if dice.chance(40) => literal.push(dice.of(&['*', 'a', '\\', 'é'])),
            _ => literal.push(character),
        }
    }
    flush(&mut literal, &mut pieces);
    if dice.chance(30) {
        pieces.push(Piece::Wildcard);
    }
    if dice.chance(15) {
        pieces.insert(0, Piece::Wildcard);
    }
    pieces
}
