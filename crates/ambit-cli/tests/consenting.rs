//! What is shown before a token is made, and who must have said yes to it.

mod common;

use common::{MINT_AGREED, Project, pay};
use serde_json::{Value, json};

#[test]
fn what_is_consented_to_is_shown_before_the_token_is_made() {
    let project = Project::signed();
    let draft = project.draft("payments.json");
    project.write("draft.json", &draft);
    let describe = ["describe", "--module", "policy.wasm", "draft.json"];
    let shown = project.ambit(&describe).expect(0).says("binding_s256");
    assert!(
        shown
            .out
            .contains("\n│ \n│ Prepares, a person decides\n│ - ")
            && shown.out.contains("\n│ - Draft e-mail: any contact\n"),
        "{shown:#?}"
    );
    // What a person may choose instead is listed, and described anew with the claims that it leaves.
    shown
        .says("no_execute")
        .says("Carry out nothing on its own");
    let choose = ["--choose", "no_execute", "--json"];
    let less = project.ambit(&[&describe[..], &choose].concat()).expect(0);
    let less: Value = serde_json::from_str(&less.out).unwrap();
    assert!(
        !less["claims"]["authorization_details"]
            .to_string()
            .contains("execute")
    );
    let unknown = [&describe[..], &["--choose", "less"]].concat();
    project.ambit(&unknown).expect(3).says("choices[0]");
    let german = project.ambit(&[&describe[..], &["--locale", "de"]].concat());
    assert!(
        german
            .expect(0)
            .out
            .contains("Bereitet vor, ein Mensch entscheidet")
    );
    // Where a label is not German, no English one stands in for it.
    project.edit("schema.cedarschema", "    @label_de(\"Betrag\")\n", "");
    project
        .ambit(&["build", ".", "-o", "wordless.wasm"])
        .expect(0);
    let wordless = describe.map(|word| word.replace("policy.wasm", "wordless.wasm"));
    let wordless = wordless.iter().map(String::as_str);
    let wordless: Vec<&str> = wordless.chain(["--locale", "de"]).collect();
    project.ambit(&wordless).expect(3).says("describe.no_text");
    // What is no receipt makes no token.
    project.write("receipt.jwt", "no receipt");
    let run = project.ambit(&MINT_AGREED);
    assert_eq!(run.expect(3).says("approval.malformed").out, "");
}

#[test]
fn a_narrower_choice_is_a_draft_of_its_own() {
    let project = Project::asking();
    project.write("draft.json", project.draft("payments.json"));
    let describe = ["describe", "--module", "policy.wasm", "draft.json"];
    let choose = ["--choose", "no_execute", "-o", "less.json", "--json"];
    let less = project.ambit(&[&describe[..], &choose].concat()).expect(0);
    let less: Value = serde_json::from_str(&less.out).unwrap();
    let left: Value = serde_json::from_str(&project.read("less.json")).unwrap();
    assert_eq!(left, less["claims"]);
    // The yes to all that was asked is none to what was chosen.
    project.write("receipt.jwt", project.consent("draft.json", &json!({})));
    let mut agreed = MINT_AGREED;
    agreed[6] = "less.json";
    let run = project.ambit(&agreed).expect(3);
    assert_eq!(run.says("approval.binding").out, "");
    project.write("receipt.jwt", project.consent("less.json", &json!({})));
    project.write("token.jwt", project.ambit(&agreed).expect(0).out);
    for (power, code) in [("propose", 0), ("execute", 4)] {
        project.evaluate(&[], &pay(power, "5")).expect(code);
    }
    // A list of capabilities has no claims that could be minted.
    let list = left["authorization_details"].to_string();
    project.write("list.json", list);
    let list = ["describe", "--module", "policy.wasm", "list.json"];
    let run = project.ambit(&[&list[..], &choose].concat());
    assert!(run.code == 3 && run.out.is_empty(), "{run:#?}");
}

#[test]
fn nothing_is_minted_without_the_consent_that_the_manifest_asks_for() {
    let project = Project::signed();
    project.write("draft.json", project.draft("payments.json"));
    // Who signs with the issuer's key says yes to nothing in the name of others.
    let without = &MINT_AGREED[..7];
    let run = project.ambit(&[without, &["--yes"]].concat()).expect(4);
    let run = run.says("mint.consent").says("[1]").says("`user:ann`");
    assert_eq!(run.says("--receipt").out, "");
    assert!(!project.path("keys/issuer.jwk.used.sqlite").exists());
}

#[cfg(unix)]
#[test]
fn a_consent_makes_one_token() {
    use std::os::unix::fs::PermissionsExt as _;
    // The first token is in `token.jwt`.
    let project = Project::granted();
    let ledger = project.path("keys/issuer.jwk.used.sqlite");
    let mode = std::fs::metadata(&ledger).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let refused = |arguments: &[&str]| {
        let run = project.ambit(arguments).expect(2).says("approval.used");
        assert_eq!(run.out, "");
    };
    refused(&MINT_AGREED);
    // Another yes to the same grant makes no second one, and the yes to another grant is new.
    let another = project.consent("draft.json", &json!({"jti": "yes-2"}));
    project.write("receipt.jwt", another);
    refused(&MINT_AGREED);
    let mut draft: Value = serde_json::from_str(&project.read("draft.json")).unwrap();
    draft["exp"] = (draft["exp"].as_i64().unwrap() - 1).into();
    project.write("draft.json", draft.to_string());
    let third = project.consent("draft.json", &json!({"jti": "yes-3"}));
    project.write("receipt.jwt", third);
    project.ambit(&MINT_AGREED).expect(0);
    refused(&MINT_AGREED);
    // Whoever keeps the books elsewhere says so each time; books that are no ledger are none.
    let elsewhere = [&MINT_AGREED[..], &["--ledger", "used.sqlite"]].concat();
    project.ambit(&elsewhere).expect(0);
    refused(&elsewhere);
    project.write("broken.sqlite", "no ledger");
    let broken = [&MINT_AGREED[..], &["--ledger", "broken.sqlite"]].concat();
    assert_eq!(
        project.ambit(&broken).expect(1).says("ledger.store").out,
        ""
    );
}

#[test]
fn of_many_who_mint_at_once_one_gets_a_token() {
    let project = Project::asking();
    project.write("draft.json", project.draft("payments.json"));
    project.write("receipt.jwt", project.consent("draft.json", &json!({})));
    let runs: Vec<common::Run> = std::thread::scope(|scope| {
        let mint = || project.ambit(&MINT_AGREED);
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(mint)).collect();
        let runs = threads.into_iter().map(|thread| thread.join().unwrap());
        runs.collect()
    });
    let made = runs.iter().filter(|run| run.code == 0).count();
    assert_eq!(made, 1, "{runs:#?}");
    for run in runs.into_iter().filter(|run| run.code != 0) {
        assert_eq!(run.expect(2).says("approval.used").out, "");
    }
}

/// docs/token.md, section 7: a person judges 45 words in ten seconds.
#[test]
fn what_init_writes_is_read_in_ten_seconds() {
    let project = Project::signed();
    for claims in ["grant.json", "payments.json"] {
        project.write("draft.json", project.draft(claims));
        for locale in ["en", "de"] {
            let describe = ["describe", "--module", "policy.wasm", "--json", "--locale"];
            let shown = project.ambit(&[&describe[..], &[locale, "draft.json"]].concat());
            let shown: Value = serde_json::from_str(&shown.expect(0).out).unwrap();
            let parts = shown["page"].as_array().unwrap().iter();
            let decides = ["title", "group", "item", "mark", "line"];
            let words: Vec<&str> = parts
                .filter(|part| decides.iter().any(|kind| part["part"] == *kind))
                .flat_map(|part| part["text"].as_str().unwrap().split_whitespace())
                .filter(|word| word.contains(char::is_alphanumeric))
                .collect();
            assert!(words.len() <= 45, "{} words: {words:?}", words.len());
        }
    }
}

#[test]
fn hours_in_a_zone_that_no_manifest_names_are_pointed_out() {
    let project = Project::signed();
    let hours = |zone| json!({"days": ["mon"], "from": "09:00", "to": "17:00", "zone": zone});
    let mut claims: Value = serde_json::from_str(&project.read("grant.json")).unwrap();
    claims["authorization_details"][0]["hours"] = hours("America/New_York");
    project.write("grant.json", claims.to_string());
    let mint = [
        "mint",
        "--module",
        "policy.wasm",
        "--key",
        "keys/issuer.jwk",
    ];
    let more = ["--holder", "keys/agent.pub.jwk", "--claims", "grant.json"];
    let mint = [&mint[..], &more].concat();
    let said = "by the clocks of `America/New_York`, which no manifest of this policy names";
    let minted = project
        .ambit(&mint)
        .expect(0)
        .says(said)
        .says("facts.missing");
    project.write("token.jwt", minted.out);
    let narrower = json!({"authorization_details": [{"type": "ambit_capability", "hours": hours("Asia/Tokyo")}]});
    project.write("narrower.json", narrower.to_string());
    let pass = [
        "attenuate",
        "--token",
        "token.jwt",
        "--key",
        "keys/agent.jwk",
    ];
    let more = [
        "--holder",
        "keys/agent.pub.jwk",
        "--claims",
        "narrower.json",
    ];
    let pass = [&pass[..], &more].concat();
    let said = "by the clocks of `Asia/Tokyo`: if no manifest";
    project.ambit(&pass).expect(0).says(said).says("--module");
    let checked = [&pass[..], &["--module", "policy.wasm"]].concat();
    let said = "`Asia/Tokyo`, which no manifest of this policy names";
    project.ambit(&checked).expect(0).says(said);

    // A zone of a manifest needs no word.
    let named = "hours = { days = [\"mon\"], from = \"00:00\", to = \"24:00\", zone = \"America/New_York\" }\n\n[[capabilities]]\nactions = [\"pay\"]";
    let pay = "\n[[capabilities]]\nactions = [\"pay\"]";
    project.edit("agents/assistant.toml", pay, named);
    project.ambit(&["build", "-o", "policy.wasm"]).expect(0);
    let minted = project.ambit(&mint).expect(0);
    assert!(!minted.err.contains("by the clocks of"), "{minted:#?}");
}
