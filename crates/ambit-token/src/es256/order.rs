//! Integers modulo n, the order of the group of P-256.

use super::words::{self, Words};

/// n.
pub(super) const N: Words = [
    0xfc63_2551,
    0xf3b9_cac2,
    0xa717_9e84,
    0xbce6_faad,
    0xffff_ffff,
    0xffff_ffff,
    0,
    0xffff_ffff,
];

/// An integer that is no more than 256 bits long, modulo n.
pub(super) fn reduce(value: Words) -> Words {
    match words::subtract(&value, &N) {
        (_, true) => value,
        (less, false) => less,
    }
}

/// `a * b` modulo n, bit by bit: it is needed twice in a verification.
pub(super) fn multiply(a: &Words, b: &Words) -> Words {
    let mut rest = [0; 8];
    for word in words::multiply(a, b).iter().rev() {
        for bit in (0..32).rev() {
            let (mut twice, carry) = words::add(&rest, &rest);
            if let Some(low) = twice.first_mut() {
                *low |= (word >> bit) & 1;
            }
            rest = less(twice, carry);
        }
    }
    rest
}

/// The inverse of `a`, which is not 0 and below n: the binary extended algorithm of Euclid. Its time
/// depends on `a`; nothing here is secret.
pub(super) fn invert(a: &Words) -> Words {
    let one = [1, 0, 0, 0, 0, 0, 0, 0];
    let (mut u, mut v) = (*a, N);
    let (mut x, mut y) = (one, [0; 8]);
    // `x * a = u` and `y * a = v` hold throughout; 512 halvings bring one of them to 1.
    while u != one && v != one {
        while is_even(&u) {
            u = halved(u, 0);
            x = half(x);
        }
        while is_even(&v) {
            v = halved(v, 0);
            y = half(y);
        }
        match words::subtract(&u, &v) {
            (less, false) => {
                u = less;
                x = difference(&x, &y);
            }
            (_, true) => {
                v = words::subtract(&v, &u).0;
                y = difference(&y, &x);
            }
        }
    }
    if u == one { x } else { y }
}

/// A sum with its carried bit, brought below n by at most one subtraction.
fn less(sum: Words, carry: u64) -> Words {
    match words::subtract(&sum, &N) {
        (_, true) if carry == 0 => sum,
        (less, _) => less,
    }
}

fn difference(a: &Words, b: &Words) -> Words {
    match words::subtract(a, b) {
        (difference, false) => difference,
        (wrapped, true) => words::add(&wrapped, &N).0,
    }
}

/// Half of `a` modulo n.
fn half(a: Words) -> Words {
    if is_even(&a) {
        return halved(a, 0);
    }
    let (sum, carry) = words::add(&a, &N);
    halved(sum, carry)
}

/// The integer half of a number whose bit 256 is `top`.
fn halved(mut a: Words, top: u64) -> Words {
    let mut carry = top;
    for word in a.iter_mut().rev() {
        let whole = *word | (carry << 32);
        carry = whole & 1;
        *word = whole >> 1;
    }
    a
}

fn is_even(a: &Words) -> bool {
    let [low, ..] = a;
    low & 1 == 0
}
