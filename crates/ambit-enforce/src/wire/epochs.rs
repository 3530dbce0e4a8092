//! `ambit_epochs`: whether revocation epochs that were fetched go with the requests from now on.

use alloc::format;
use alloc::string::String;

use ambit_core::Reason;
use ambit_core::json::{Document, Json, Kind, Profile, Writer};
use ambit_evaluator::{FetchedEpochs, fetched_epochs};
use ambit_policy::Bundle;

use crate::has_only;
use crate::heard::{Unheard, raises};

/// For `{"list", "now", "kept": {ISS: VERSION}}` what is to be kept: `{"keep": {"iss", "version"}, "exp"}`, or
/// `{"code", "admin", "keep"?}` for a list that is not to be sent with requests.
#[must_use]
pub fn epochs(bundle: &Bundle<'_>, request: &[u8]) -> String {
    let parsed = Document::parse(request, Profile::Request);
    let root = parsed.as_ref().map_or(Json::null(), Document::root);
    match read(root) {
        Some((list, now, kept)) => judge(bundle, list, now, kept),
        None => said(
            Err((
                Reason::RequestMember,
                "the host asks about epochs in a form that is not known",
            )),
            None,
        ),
    }
}

fn read(root: Json<'_>) -> Option<(&str, i64, Json<'_>)> {
    let kept = root
        .get("kept")
        .filter(|kept| kept.kind() == Kind::Object)?;
    let whole = |(_, version): (&str, Json<'_>)| version.as_int().is_some_and(|it| it >= 0);
    let known = has_only(root, &["list", "now", "kept"]) && kept.members().all(whole);
    let now = root.get("now")?.as_int()?;
    let list = root.get("list")?.as_str()?;
    known.then_some((list, now, kept))
}

/// The version is kept of every list that its issuer signed, unless a higher one is: what is refused for
/// another reason is not to be followed by an older list.
fn judge(bundle: &Bundle<'_>, list: &str, now: i64, kept: Json<'_>) -> String {
    let list = match fetched_epochs(bundle, list, now) {
        Ok(list) => list,
        Err(denial) => return said(Err((denial.reason, &denial.admin)), None),
    };
    let seen = kept.get_int(&list.iss);
    let seen = seen.and_then(|seen| u64::try_from(seen).ok());
    let version = u64::try_from(list.version).unwrap_or_default();
    if let Err(Unheard::Older { seen, version }) = raises(seen, version) {
        let admin =
            format!("version {version} of the epochs is older than {seen}, which was seen before");
        return said(Err((Reason::RevocationRollback, &admin)), None);
    }
    match &list.usable {
        Ok(end) => said(Ok(*end), Some(&list)),
        Err(denial) => said(Err((denial.reason, &denial.admin)), Some(&list)),
    }
}

fn said(end: Result<i64, (Reason, &str)>, keep: Option<&FetchedEpochs>) -> String {
    let mut out = Writer::default();
    out.object(|out| {
        match end {
            Ok(end) => out.name("exp").integer(end),
            Err((reason, admin)) => {
                out.name("code").string(reason.code());
                out.name("admin").string(admin)
            }
        };
        if let Some(list) = keep {
            out.name("keep").object(|out| {
                out.name("iss").string(&list.iss);
                out.name("version").integer(list.version);
            });
        }
    });
    out.finish()
}
