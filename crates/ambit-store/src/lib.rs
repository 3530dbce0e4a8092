//! Fetches signed policies over HTTP and from OCI registries, and keeps the last good one on disk.
//!
//! - [`Address`] says where a policy lies; what is no address of this kind is a path.
//! - [`Remote`] fetches from there, bounded in bytes and time, and pushes to registries.
//! - [`Keep`] is the folder with the last good one.
//!
//! Nothing here is believed: whoever fetches verifies the signature, the name and the version before a policy is kept.
#![forbid(unsafe_code)]

mod address;
mod error;
mod keep;
mod remote;

pub use address::Address;
pub use error::StoreError;
pub use keep::{Keep, Kept, Offered};
pub use remote::{Fetched, Marks, Remote, RemoteOptions};

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// `sha256:` and the digest in hexadecimal, as registries name bytes.
fn digest_of(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
