//! Ed25519 signatures that a host makes itself: over checkpoints of its log and over leases.

/// A private Ed25519 key, kept by the embedder: in a file, a key service, a hardware module.
///
/// Never the key of an issuer, of a holder or of a module: one key signs one kind of thing.
pub trait Signer: Send + Sync {
    /// The name under which the public key is known.
    fn name(&self) -> &str;

    /// The public key.
    fn public(&self) -> [u8; 32];

    /// The signature over `message` (RFC 8032, not prehashed).
    ///
    /// # Errors
    ///
    /// What the key's keeper says when it cannot sign.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String>;
}
