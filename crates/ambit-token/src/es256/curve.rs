//! The group of P-256: y^2 = x^3 - 3x + b, in Jacobian coordinates (x = X / Z^2, y = Y / Z^3).

use super::field::Field;
use super::words::Words;

const B: Field = Field::constant([
    0x27d2_604b,
    0x3bce_3c3e,
    0xcc53_b0f6,
    0x651d_06b0,
    0x7698_86bc,
    0xb3eb_bd55,
    0xaa3a_93e7,
    0x5ac6_35d8,
]);
/// The base point.
const G: Point = Point {
    x: Field::constant([
        0xd898_c296,
        0xf4a1_3945,
        0x2deb_33a0,
        0x7703_7d81,
        0x63a4_40f2,
        0xf8bc_e6e5,
        0xe12c_4247,
        0x6b17_d1f2,
    ]),
    y: Field::constant([
        0x37bf_51f5,
        0xcbb6_4068,
        0x6b31_5ece,
        0x2bce_3357,
        0x7c0f_9e16,
        0x8ee7_eb4a,
        0xfe1a_7f9b,
        0x4fe3_42e2,
    ]),
    z: Field::ONE,
};
/// Bits of a window: the digits are odd and below 16, so a table has 8 multiples.
const WINDOW: usize = 5;
/// Digits of a scalar: its 256 bits, and one that the recoding may carry into.
const DIGITS: usize = 257;

/// A point; the one at infinity has Z = 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    x: Field,
    y: Field,
    z: Field,
}

/// A point that is not at infinity, with Z = 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine {
    x: Field,
    y: Field,
}

impl Affine {
    /// Any: room in a table.
    pub(crate) const BASE: Self = Self { x: G.x, y: G.y };

    /// The points with Z = 1. None is at infinity, whatever is given as such comes out wrong.
    pub(super) fn all<const N: usize>(points: &[Point; N]) -> [Self; N] {
        // One inversion: of the product of all Z. Then from the last to the first.
        let mut product = Field::ONE;
        let before = points.map(|point| {
            let before = product;
            product = product.mul(point.z);
            before
        });
        let mut inverse = product.invert();
        let mut affine = [Self::BASE; N];
        for ((place, point), before) in affine.iter_mut().zip(points).zip(before).rev() {
            let z = inverse.mul(before);
            inverse = inverse.mul(point.z);
            let zz = z.square();
            *place = Self {
                x: point.x.mul(zz),
                y: point.y.mul(zz).mul(z),
            };
        }
        affine
    }

    pub(super) fn negate(self) -> Self {
        Self {
            y: self.y.negate(),
            ..self
        }
    }

    pub(super) const fn point(self) -> Point {
        Point {
            x: self.x,
            y: self.y,
            z: Field::ONE,
        }
    }
}

impl Point {
    pub(super) const INFINITY: Self = Self {
        x: Field::ONE,
        y: Field::ONE,
        z: Field::ZERO,
    };

    /// The point with these coordinates, if it is on the curve.
    pub(super) fn new(x: Words, y: Words) -> Option<Self> {
        let (x, y) = (Field::new(x)?, Field::new(y)?);
        let right = x.square().mul(x).sub(x.times(3)).add(B);
        (y.square() == right).then_some(Self {
            x,
            y,
            z: Field::ONE,
        })
    }

    /// `a * G + b * self`, by doublings that both scalars share.
    pub(super) fn combined(self, a: &Words, b: &Words) -> Self {
        let tables = [
            (G.odd_multiples(), digits(a)),
            (self.odd_multiples(), digits(b)),
        ];
        let mut sum = Self::INFINITY;
        for at in (0..DIGITS).rev() {
            sum = sum.double();
            for (table, digits) in &tables {
                let digit = digits.get(at).copied().unwrap_or_default();
                let index = usize::from(digit.unsigned_abs() / 2);
                if let Some(multiple) = table.get(index).filter(|_| digit != 0) {
                    sum = sum.plus(if digit < 0 {
                        multiple.negate()
                    } else {
                        *multiple
                    });
                }
            }
        }
        sum
    }

    /// Whether this is a point whose x, modulo p, is `x`.
    pub(super) fn has_x(&self, x: Field) -> bool {
        self.z != Field::ZERO && x.mul(self.z.square()) == self.x
    }

    fn odd_multiples(self) -> [Self; 8] {
        let twice = self.double();
        let mut next = self;
        [(); 8].map(|()| {
            let multiple = next;
            next = multiple.plus(twice);
            multiple
        })
    }

    fn negate(self) -> Self {
        Self {
            y: self.y.negate(),
            ..self
        }
    }

    /// The same point, if its Z is 1.
    pub(super) fn affine(self) -> Option<Affine> {
        let Self { x, y, z } = self;
        (z == Field::ONE).then_some(Affine { x, y })
    }

    /// madd-2004-hmv of the Explicit-Formulas Database, with the cases that it leaves out.
    pub(super) fn plus_affine(self, other: Affine) -> Self {
        if self.z == Field::ZERO {
            return other.point();
        }
        let zz = self.z.square();
        let (x, y) = (other.x.mul(zz), other.y.mul(zz).mul(self.z));
        self.sum((self.x, self.y), (x, y), self.z)
    }

    /// dbl-2001-b of the Explicit-Formulas Database (for a = -3).
    pub(super) fn double(self) -> Self {
        let delta = self.z.square();
        let gamma = self.y.square();
        let beta = self.x.mul(gamma);
        let alpha = self.x.sub(delta).mul(self.x.add(delta)).times(3);
        let x = alpha.square().sub(beta.times(8));
        Self {
            x,
            y: alpha.mul(beta.times(4).sub(x)).sub(gamma.square().times(8)),
            z: self.y.add(self.z).square().sub(gamma).sub(delta),
        }
    }

    /// add-1998-cmo-2, with the cases that it leaves out.
    pub(super) fn plus(self, other: Self) -> Self {
        if self.z == Field::ZERO {
            return other;
        }
        if other.z == Field::ZERO {
            return self;
        }
        let (zz, other_zz) = (self.z.square(), other.z.square());
        let own = (self.x.mul(other_zz), self.y.mul(other_zz).mul(other.z));
        let others = (other.x.mul(zz), other.y.mul(zz).mul(self.z));
        self.sum(own, others, self.z.mul(other.z))
    }

    /// The sum of this point and another, whose coordinates `own` and `others` both have the Z `z`.
    #[inline]
    fn sum(self, own: (Field, Field), others: (Field, Field), z: Field) -> Self {
        let h = others.0.sub(own.0);
        let r = others.1.sub(own.1);
        if h == Field::ZERO {
            return if r == Field::ZERO {
                self.double()
            } else {
                Self::INFINITY
            };
        }
        let hh = h.square();
        let hhh = hh.mul(h);
        let v = own.0.mul(hh);
        let x = r.square().sub(hhh).sub(v.times(2));
        Self {
            x,
            y: r.mul(v.sub(x)).sub(own.1.mul(hhh)),
            z: z.mul(h),
        }
    }
}

/// A scalar as signed digits, each 0 or odd and below 16 in size, of which any [`WINDOW`] in a row
/// have at most one that is not 0 (wNAF).
fn digits(scalar: &Words) -> [i8; DIGITS] {
    let mut digits = [0; DIGITS];
    let (mut at, mut carry) = (0_usize, 0_u8);
    while at < DIGITS {
        if bit(scalar, at) == carry {
            at = at.saturating_add(1);
            continue;
        }
        let bits = (0..WINDOW).rev().fold(0_u8, |window, offset| {
            (window << 1) | bit(scalar, at.saturating_add(offset))
        });
        let window = bits.wrapping_add(carry).cast_signed();
        carry = u8::from(window >= 16);
        if let Some(digit) = digits.get_mut(at) {
            *digit = if carry == 1 {
                window.wrapping_sub(32)
            } else {
                window
            };
        }
        at = at.saturating_add(WINDOW);
    }
    digits
}

fn bit(scalar: &Words, at: usize) -> u8 {
    let word = scalar.get(at / 32).copied().unwrap_or_default();
    u8::from((word >> (at % 32)) & 1 == 1)
}
