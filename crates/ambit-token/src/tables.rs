//! Tables of the keys that verify again and again: issuers, and holders of proofs.
//!
//! A table makes a verification about three times as fast and costs as much as three, so a key gets one when
//! it has verified a few times. They change no answer: each is found by the whole key, is made of nothing
//! else, and verifies what [`PublicKey::verify`] verifies. Only signatures that verified count, so nobody
//! fills them who has no valid token; there is a fixed number, and one that was used lately stays.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use ambit_core::limits::{KEY_TABLE_USES, KEY_TABLES, WATCHED_KEYS};
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::traits::Identity as _;

use crate::digits;
use crate::ed25519;
use crate::es256::{self, Affine};
use crate::key::PublicKey;

/// Verifications by other keys after which a table may make room: else keys in turn, more of them than there
/// are tables, would have tables made and never used.
const IDLE: u32 = 256;

/// Points of the table of a base point.
const BASE: usize = digits::BASE.points();
/// Points of the table of a key.
const KEY: usize = digits::KEY.points();
/// Points of all tables of one algorithm: that of the base point, and one for each place.
const POINTS: usize = BASE + KEY * KEY_TABLES;

/// Verifies signatures, remembering what it can use again.
#[derive(Default)]
pub struct KeyTables(RefCell<Tables>);

#[derive(Default)]
struct Tables {
    ed25519: Book,
    /// The table of the base point, then one for each place of the book.
    points: Vec<EdwardsPoint>,
    p256: Book,
    /// The same.
    affine: Vec<Affine>,
}

impl KeyTables {
    pub(crate) const fn new() -> Self {
        Self(RefCell::new(Tables {
            ed25519: Book::new(),
            points: Vec::new(),
            p256: Book::new(),
            affine: Vec::new(),
        }))
    }

    /// Takes the memory for everything that it may ever hold.
    pub(crate) fn reserve(&mut self) {
        let tables = self.0.get_mut();
        tables.ed25519.reserve();
        tables.points.reserve_exact(POINTS);
        tables.p256.reserve();
        tables.affine.reserve_exact(POINTS);
    }

    /// [`PublicKey::verify`].
    #[must_use]
    pub fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        let Ok(mut tables) = self.0.try_borrow_mut() else {
            return key.verify(message, signature);
        };
        let (book, verified) = match key {
            PublicKey::Ed25519(public) => {
                let place = tables.ed25519.place(key);
                let verified = tables_at(&tables.points, place).map(|(base, table)| {
                    ed25519::verify_with(base, table, public, message, signature)
                });
                (&mut tables.ed25519, verified)
            }
            PublicKey::P256(_) => {
                let place = tables.p256.place(key);
                let verified = tables_at(&tables.affine, place)
                    .map(|(base, table)| es256::verify_with(base, table, message, signature));
                (&mut tables.p256, verified)
            }
        };
        if let Some(verified) = verified {
            return verified;
        }
        let verified = key.verify(message, signature);
        if verified
            && let Some(place) = book.earned(key)
            && tables.make(place, key)
        {
            tables.book(key).give(place, key);
        }
        verified
    }

    /// [`PublicKey::is_usable`]: a key that verified something is.
    #[must_use]
    pub fn is_usable(&self, key: &PublicKey) -> bool {
        let known = self.0.try_borrow().is_ok_and(|tables| {
            let book = match key {
                PublicKey::Ed25519(_) => &tables.ed25519,
                PublicKey::P256(_) => &tables.p256,
            };
            book.knows(key)
        });
        known || key.is_usable()
    }
}

/// The base point's table, and the one at this place.
fn tables_at<P>(points: &[P], place: Option<usize>) -> Option<(&[P], &[P])> {
    let (base, tables) = points.split_at_checked(BASE)?;
    Some((base, tables.chunks_exact(KEY).nth(place?)?))
}

impl Tables {
    const fn book(&mut self, key: &PublicKey) -> &mut Book {
        match key {
            PublicKey::Ed25519(_) => &mut self.ed25519,
            PublicKey::P256(_) => &mut self.p256,
        }
    }

    /// Makes the table of a usable key, and before the first that of the base point.
    fn make(&mut self, place: usize, key: &PublicKey) -> bool {
        let start = BASE.saturating_add(KEY.saturating_mul(place));
        let end = start.saturating_add(KEY);
        match key {
            PublicKey::Ed25519(public) => {
                let Some(point) = ed25519::point(public) else {
                    return false;
                };
                let points = &mut self.points;
                if points.is_empty() {
                    points.resize(BASE, EdwardsPoint::identity());
                    ed25519::comb::fill(points, digits::BASE, ED25519_BASEPOINT_POINT);
                }
                points.resize(points.len().max(end), EdwardsPoint::identity());
                let table = points.get_mut(start..end);
                table
                    .map(|table| ed25519::comb::fill(table, digits::KEY, point))
                    .is_some()
            }
            PublicKey::P256(public) => {
                let Some(point) = es256::affine(public) else {
                    return false;
                };
                let points = &mut self.affine;
                if points.is_empty() {
                    points.resize(BASE, Affine::BASE);
                    es256::comb::fill(points, digits::BASE, Affine::BASE);
                }
                points.resize(points.len().max(end), Affine::BASE);
                let table = points.get_mut(start..end);
                table
                    .map(|table| es256::comb::fill(table, digits::KEY, point))
                    .is_some()
            }
        }
    }
}

/// Which keys have tables, and which may get one.
#[derive(Default)]
struct Book {
    places: Vec<Seen>,
    watched: Vec<Seen>,
    /// Verifications so far.
    clock: u32,
}

struct Seen {
    key: PublicKey,
    /// When it verified last.
    last: u32,
    uses: u32,
}

impl Book {
    const fn new() -> Self {
        Self {
            places: Vec::new(),
            watched: Vec::new(),
            clock: 0,
        }
    }

    fn reserve(&mut self) {
        self.places.reserve_exact(KEY_TABLES);
        self.watched.reserve_exact(WATCHED_KEYS);
    }

    fn knows(&self, key: &PublicKey) -> bool {
        let is_in = |list: &[Seen]| list.iter().any(|seen| seen.key == *key);
        is_in(&self.places) || is_in(&self.watched)
    }

    /// Where the key's table is.
    fn place(&mut self, key: &PublicKey) -> Option<usize> {
        let place = self.places.iter().position(|seen| seen.key == *key)?;
        self.clock = self.clock.wrapping_add(1);
        if let Some(seen) = self.places.get_mut(place) {
            seen.last = self.clock;
        }
        Some(place)
    }

    /// Counts a verification by a key without a table, and says where it is to get one, if it is.
    fn earned(&mut self, key: &PublicKey) -> Option<usize> {
        self.clock = self.clock.wrapping_add(1);
        let now = self.clock;
        let known = self.watched.iter_mut().find(|seen| seen.key == *key);
        let Some(seen) = known else {
            self.watch(key);
            return None;
        };
        seen.last = now;
        seen.uses = seen.uses.saturating_add(1);
        if seen.uses < KEY_TABLE_USES {
            return None;
        }
        let place = match self.places.len() {
            KEY_TABLES => oldest(&self.places, now).filter(|(_, age)| *age >= IDLE)?.0,
            free => free,
        };
        seen.uses = 0;
        Some(place)
    }

    /// Notes that the table at this place is now the key's.
    fn give(&mut self, place: usize, key: &PublicKey) {
        let last = self.clock;
        put(
            &mut self.places,
            place,
            Seen {
                key: *key,
                last,
                uses: 0,
            },
        );
    }

    /// Watches a key that verified for the first time.
    fn watch(&mut self, key: &PublicKey) {
        let place = match self.watched.len() {
            WATCHED_KEYS => oldest(&self.watched, self.clock).map_or(0, |(place, _)| place),
            free => free,
        };
        let last = self.clock;
        put(
            &mut self.watched,
            place,
            Seen {
                key: *key,
                last,
                uses: 1,
            },
        );
    }
}

/// The one that verified longest ago, and how many verifications ago that was.
fn oldest(list: &[Seen], now: u32) -> Option<(usize, u32)> {
    let mut oldest = None;
    for (at, seen) in list.iter().enumerate() {
        let age = now.wrapping_sub(seen.last);
        if oldest.is_none_or(|(_, most)| most <= age) {
            oldest = Some((at, age));
        }
    }
    oldest
}

fn put(list: &mut Vec<Seen>, place: usize, new: Seen) {
    match list.get_mut(place) {
        Some(seen) => *seen = new,
        None => list.push(new),
    }
}

impl fmt::Debug for KeyTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.0.try_borrow().map_or(0, |tables| {
            let books = [&tables.ed25519, &tables.p256];
            books
                .iter()
                .fold(0, |sum: usize, book| sum.saturating_add(book.places.len()))
        });
        f.debug_struct("KeyTables")
            .field("tables", &tables)
            .finish()
    }
}
