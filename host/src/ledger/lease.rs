//! Leases: signed parts of a budget.
//!
//! A lender charges the whole lease to the budget before it gives the lease away, so the sum of
//! leases and direct spending never exceeds the budget, whatever becomes of the edge. What the edge
//! did not spend comes back when it [returns](Lender::close_loan) the lease, once, with what it spent.

use ambit_core::json::{Document, Json, Profile, Writer};
use ambit_token::{base64url, ed25519};

use super::{Charge, LedgerError, Lender, Loan};
use crate::signer::Signer;

/// The header's `typ`: no other statement can pass for a lease, and no lease for another.
const TYP: &str = "ambit-lease+jwt";
/// Bytes of a lease: a key, two names and a few numbers.
const LEASE_BYTES: usize = 8 * 1024;
/// Seconds by which the lender's clock may run ahead (docs/token.md step 5).
const SKEW_SECONDS: i64 = ambit_core::limits::CLOCK_SKEW_SECONDS;

/// A part of a budget that one edge may spend by itself. Made by [`lend()`] and [`LeaseIssuer::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub(super) id: String,
    pub(super) edge: String,
    pub(super) key: String,
    pub(super) kind: String,
    pub(super) amount: i64,
    pub(super) issued: i64,
    pub(super) expires: i64,
}

impl Lease {
    /// Its name: what [`Lender::close_loan`] wants.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The budget that it is a part of.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How much the edge may spend.
    #[must_use]
    pub const fn amount(&self) -> i64 {
        self.amount
    }

    /// From when on nothing may be spent (seconds since 1970, UTC).
    #[must_use]
    pub const fn expires(&self) -> i64 {
        self.expires
    }

    fn claims(&self, lender: &str) -> String {
        let mut out = Writer::default();
        out.object(|out| {
            out.name("iss").string(lender);
            out.name("aud").string(&self.edge);
            out.name("iat").integer(self.issued);
            out.name("exp").integer(self.expires);
            out.name("jti").string(&self.id);
            out.name("budget").object(|out| {
                out.name("key").string(&self.key);
                out.name("type").string(&self.kind);
                out.name("amount").integer(self.amount);
            });
        });
        out.finish()
    }
}

/// Lends a part of a budget to an edge: charges it, and signs a lease of it.
///
/// `id` must be new: a random one, or a count of the lender's own. `charge` is the part
/// (`amount`), with the bound of the whole budget (`max`). The lease ends at `expires`.
///
/// # Errors
///
/// Those of [`Lender::open_loan`], and [`LedgerError::Lease`] when it would end before it begins or
/// cannot be signed. Where signing fails the loan is closed again, unspent.
pub fn lend(
    lender: &dyn Lender,
    signer: &dyn Signer,
    (id, edge): (&str, &str),
    charge: &Charge<'_>,
    (now, expires): (i64, i64),
) -> Result<(Lease, String), LedgerError> {
    if expires <= now || edge.is_empty() {
        return Err(LedgerError::Lease(
            "it names no edge, or ends before it begins",
        ));
    }
    lender.open_loan(
        &Loan {
            id,
            charge: *charge,
        },
        now,
    )?;
    let lease = Lease {
        id: id.to_owned(),
        edge: edge.to_owned(),
        key: charge.key.to_owned(),
        kind: charge.kind.to_owned(),
        amount: charge.amount,
        issued: now,
        expires,
    };
    match sign(&lease, signer) {
        Some(text) => Ok((lease, text)),
        None => {
            lender.close_loan(id, 0)?;
            Err(LedgerError::Lease("the key could not sign it"))
        }
    }
}

fn sign(lease: &Lease, signer: &dyn Signer) -> Option<String> {
    let mut header = Writer::default();
    header.object(|out| {
        out.name("alg").string("Ed25519");
        out.name("kid").string(signer.name());
        out.name("typ").string(TYP);
    });
    let claims = lease.claims(signer.name());
    let encode = |text: String| base64url::encode(text.as_bytes());
    let input = format!("{}.{}", encode(header.finish()), encode(claims));
    let signature = signer.sign(input.as_bytes()).ok()?;
    Some(format!("{input}.{}", base64url::encode(&signature)))
}

/// Whose leases an edge believes.
#[derive(Clone, Debug)]
pub struct LeaseIssuer {
    /// The name of the lender's key.
    pub name: String,
    /// The lender's public key.
    pub public: [u8; 32],
}

impl LeaseIssuer {
    /// Reads a lease for this edge, signature first.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Lease`], which says what does not hold.
    pub fn verify(&self, lease: &str, edge: &str, now: i64) -> Result<Lease, LedgerError> {
        let refused = LedgerError::Lease;
        if lease.len() > LEASE_BYTES {
            return Err(refused("it is too long"));
        }
        let (header, claims) = self
            .opened(lease)
            .ok_or_else(|| refused("its signature or form is not valid"))?;
        if !self.is_header(&header) {
            return Err(refused("its header is not that of a lease by this lender"));
        }
        let lease = self
            .read(&claims)
            .ok_or_else(|| refused("its content is malformed"))?;
        if lease.edge != edge {
            return Err(refused("it is for another edge"));
        }
        if lease.issued > now.saturating_add(SKEW_SECONDS) || lease.expires <= now {
            return Err(refused("it has expired, or begins in the future"));
        }
        Ok(lease)
    }

    /// Header and claims of what this lender signed.
    fn opened(&self, lease: &str) -> Option<(Vec<u8>, Vec<u8>)> {
        let (input, signature) = lease.rsplit_once('.')?;
        let (header, claims) = input.split_once('.')?;
        let signature = base64url::decode(signature.as_bytes())?;
        if !ed25519::verify_strict(&self.public, input.as_bytes(), &signature) {
            return None;
        }
        let decode = |text: &str| base64url::decode(text.as_bytes());
        Some((decode(header)?, decode(claims)?))
    }

    fn is_header(&self, header: &[u8]) -> bool {
        let Ok(header) = Document::parse(header, Profile::Signed) else {
            return false;
        };
        let member = |name| header.root().get(name).and_then(Json::as_str);
        header.root().len() == 3
            && member("alg") == Some("Ed25519")
            && member("kid") == Some(&self.name)
            && member("typ") == Some(TYP)
    }

    fn read(&self, claims: &[u8]) -> Option<Lease> {
        let document = Document::parse(claims, Profile::Signed).ok()?;
        let claims = document.root();
        let budget = claims.get("budget")?;
        if claims.len() != 6 || budget.len() != 3 || text(claims, "iss")? != self.name {
            return None;
        }
        Some(Lease {
            id: text(claims, "jti")?,
            edge: text(claims, "aud")?,
            key: text(budget, "key")?,
            kind: text(budget, "type")?,
            amount: number(budget, "amount").filter(|amount| *amount >= 1)?,
            issued: number(claims, "iat")?,
            expires: number(claims, "exp")?,
        })
    }
}

fn text(object: Json<'_>, name: &str) -> Option<String> {
    let text = object.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn number(object: Json<'_>, name: &str) -> Option<i64> {
    object.get(name)?.as_int()
}
