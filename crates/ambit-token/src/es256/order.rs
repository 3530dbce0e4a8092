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

/// 2^256 - n, which is below 2^224.
const LESS: Words = [
    0x039c_daaf,
    0x0c46_353d,
    0x58e8_617b,
    0x4319_0552,
    0,
    0,
    0xffff_ffff,
    0,
];

/// An integer that is no more than 256 bits long, modulo n.
pub(super) fn reduce(value: Words) -> Words {
    match words::subtract(&value, &N) {
        (_, true) => value,
        (less, false) => less,
    }
}

/// `a * b` modulo n, word by word.
pub(super) fn multiply(a: &Words, b: &Words) -> Words {
    let [low @ .., h0, h1, h2, h3, h4, h5, h6, h7] = words::multiply(a, b);
    let mut rest = reduce([h0, h1, h2, h3, h4, h5, h6, h7]);
    for word in low.iter().rev() {
        let [kept @ .., top] = rest;
        let [a, b, c, d, e, f, g] = kept;
        // 2^256 is `LESS` modulo n: what the top word stands for is below 2^256.
        let (sum, carry) = words::add(&[*word, a, b, c, d, e, f, g], &words::scale(&LESS, top));
        rest = reduce(less(sum, carry));
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
