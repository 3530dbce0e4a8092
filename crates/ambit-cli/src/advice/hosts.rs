//! What goes wrong with a host's own books: the audit log and the ledger.

use super::Row;

pub(super) const ROWS: &[Row] = &[
    (
        "audit.file",
        "the audit log cannot be read or written",
        "check the path, the permissions and the disk",
    ),
    (
        "audit.locked",
        "another process writes this log, and one does at a time",
        "give each process a log of its own, or wait until the other has ended",
    ),
    (
        "audit.ahead",
        "the file `.ahead` beside the log may have lines of a Rust host that the log lacks, and this host cannot read it",
        "open the log once with the Rust host that wrote it, as `ambit pdp … --log`: that empties the file and keeps the lines; do not delete it",
    ),
    (
        "audit.changed",
        "a line of the log is not as it was written: it was changed, taken out or put in",
        "compare the named line with a copy of the log, and keep both; the log is not written any further",
    ),
    (
        "audit.missing",
        "a checkpoint has signed more lines than the log has, or it is empty or shorter than it must be",
        "look for the whole log, as in a copy; lines at its end were cut off",
    ),
    (
        "audit.unsigned",
        "the log has lines that its key has not signed, and more of them than one crash can leave",
        "check that this is the log's key and name (--key, --name), and that the `.checkpoints` file is beside the log",
    ),
    (
        "audit.late",
        "the line was found without a checkpoint when the log was opened, after a crash or because somebody rewrote it, and was signed only then",
        "compare it with a copy of the log, or with what the service did at that time; nobody can vouch for it",
    ),
    (
        "audit.checkpoint",
        "a checkpoint is not one, its signature does not verify, or it is of another log than the one whose name its key has; or the last one is by another key",
        "check that this is the log's key and name (--key, --name), and get the `.checkpoints` file again from a copy",
    ),
    (
        "audit.line",
        "the log has no line of this number under a checkpoint",
        "`ambit audit show LOG` lists the lines with their numbers",
    ),
    (
        "audit.proof",
        "the proof does not hold: the line is not in the log that the key signed, or the proof was changed",
        "make the proof again with `ambit audit prove`, and check the key",
    ),
    (
        "audit.record",
        "an answer has no decision record, or one that is too long for a line",
        "report it: answers of the evaluator always have one",
    ),
    (
        "audit.name",
        "the log's name is empty, or has spaces or a plus sign, or its key is unusable",
        "name the log like mail.example/audit (--log-name, --name)",
    ),
    (
        "audit.sign",
        "the key did not sign a checkpoint",
        "check the key, or the service that keeps it",
    ),
    (
        "audit.broken",
        "an earlier write to the log failed, and nothing is written after it",
        "repair the disk and open the log again",
    ),
    (
        "audit.write",
        "the answer could not be written to the audit log, and so is not given",
        "repair the log and ask again",
    ),
    (
        "rows.key",
        "the key by which a database knows what a service was allowed cannot be used",
        "make it with `openssl rand -hex 32`, in a file of mode 0600; docs/rows.md",
    ),
    (
        "rows.denied",
        "a database was to be told of a call that is not allowed, or was refused",
        "ask for settings only with the permitted verdict of the same request",
    ),
    (
        "ledger.exceeded",
        "the charge does not fit into what is left of a budget",
        "ask for less, or for a new grant",
    ),
    (
        "ledger.repeated",
        "a proof or a receipt was used before, and each works once",
        "make a new proof, or ask for a new approval",
    ),
    (
        "ledger.forgotten",
        "a proof or a receipt ended so long ago that the ledger does not remember whether it was used",
        "make a new one, and check the host's clock",
    ),
    (
        "ledger.malformed",
        "the charges of an answer cannot be read by this host",
        "use a host of the evaluator's version",
    ),
    (
        "ledger.lease",
        "an edge has no lease of this budget, or one that has ended or is not believed",
        "ask the lender for a new lease",
    ),
    (
        "ledger.store",
        "the ledger cannot be read or written",
        "check the file and its disk; a host that cannot count permits nothing",
    ),
];
