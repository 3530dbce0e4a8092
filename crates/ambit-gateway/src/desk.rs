//! A folder in which proposals wait for people.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ambit_core::json::Writer;
use ambit_host::proposals::{self, Proposal};

use crate::fault::Fault;

/// Proposals that wait at one time: a folder that nobody looks into does not fill a disk.
const WAITING: usize = 1000;

/// Keeps each proposal as a file `DIGEST.json`, whose `DIGEST` is what a receipt must be bound to.
#[derive(Debug)]
pub struct Desk {
    folder: PathBuf,
    audience: String,
}

impl Desk {
    /// A desk in this folder, which is there, for calls at this service: receipts must name it.
    ///
    /// # Errors
    ///
    /// [`Fault`] where there is no such folder.
    pub fn open(folder: &Path, audience: &str) -> Result<Self, Fault> {
        if !folder.is_dir() {
            let message = "there is no such folder for proposals";
            return Err(Fault::new("file.missing", message).at(folder));
        }
        Ok(Self {
            folder: folder.to_owned(),
            audience: audience.to_owned(),
        })
    }

    fn write(&self, proposal: &Proposal, target: &Path) -> std::io::Result<()> {
        // Its owner's alone, as `tempfile` makes it.
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(text(proposal, &self.audience).as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(target)?;
        Ok(())
    }
}

impl proposals::Desk for Desk {
    fn put(&self, proposal: Proposal) -> Result<(), String> {
        let digest = &proposal.binding_s256;
        let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if !digest.bytes().all(plain) {
            return Err("the digest of the proposal is no digest".to_owned());
        }
        let target = self.folder.join(format!("{digest}.json"));
        if target.exists() {
            return Ok(());
        }
        let waiting = fs::read_dir(&self.folder).map_err(|error| error.to_string())?;
        if waiting.take(WAITING).count() >= WAITING {
            return Err(format!("{WAITING} proposals wait already"));
        }
        self.write(&proposal, &target)
            .map_err(|error| format!("the proposal cannot be kept: {error}"))
    }
}

fn text(proposal: &Proposal, audience: &str) -> String {
    let mut out = Writer::default();
    out.object(|out| {
        out.name("binding_s256").string(&proposal.binding_s256);
        out.name("risk_tier").string(&proposal.risk_tier);
        out.name("display").object(|out| {
            out.name("text").string(&proposal.text);
            out.name("text_s256").string(&proposal.text_s256);
            out.name("locale").string(&proposal.locale);
            out.name("renderer").string(&proposal.renderer);
        });
        out.name("approvals").array(|out| {
            for need in &proposal.approvals {
                out.object(|out| {
                    out.name("approvers").array(|out| {
                        for approver in &need.approvers {
                            out.string(approver);
                        }
                    });
                    out.name("count").integer(need.count);
                });
            }
        });
        out.name("audience").string(audience);
        out.name("at").integer(proposal.at);
    });
    out.finish()
}
