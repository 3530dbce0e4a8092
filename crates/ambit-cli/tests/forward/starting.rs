//! What does not start, and what is said about it.

use crate::world::World;

const START: [&str; 10] = [
    "gateway",
    "forward",
    "forward.toml",
    "--module",
    "policy.wasm",
    "--trust",
    "keys.json",
    "--ledger",
    "used.sqlite",
    "--listen=127.0.0.1:0",
];

/// Text of the file, what stands there instead, and what is said.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "front = \"nginx\"",
        "front = \"apache\"",
        "`front` is the server in front",
    ),
    (
        "url = \"https://notes.example\"",
        "url = \"https://notes.example/v1\"",
        "without a path",
    ),
    (
        "purpose = \"daily-work\"\n",
        "",
        "line 5: `GET /notes`: there is no `purpose`",
    ),
    (
        "purpose = \"daily-work\"\n",
        "purpose = \"daily-work\"\nunknown = 1\n",
        "line 5: unknown field `unknown`",
    ),
    (
        "method = \"PUT\"",
        "method = \"put\"",
        "`method` is one method in capitals",
    ),
    (
        "method = \"PUT\"",
        "method = \"TRACE\"",
        "`method` is one method in capitals",
    ),
    (
        "method = \"PUT\"",
        "methods = \"PUT\"",
        "unknown field `methods`",
    ),
    (
        "path = \"/notes\"",
        "path = \"notes\"",
        "a path begins with `/`",
    ),
    (
        "path = \"/notes\"",
        "path = \"/n%6ftes\"",
        "no request has the segment",
    ),
    (
        "path = \"/files/{path:path}\"",
        "path = \"/files/{path:path}/x\"",
        "stands last",
    ),
    (
        "path = \"/s/{name}\"",
        "path = \"/s/{name}/{other}\"",
        "nobody checks `{other}`",
    ),
    (
        "id = \"{name}\"",
        "id = \"{nobody}\"",
        "there is no `{nobody}` in the path",
    ),
    (
        "path = \"/s/admin\"",
        "path = \"/s/{other}\"",
        "nobody checks `{other}`",
    ),
    (
        "path = \"/s/admin\"",
        "path = \"/NOTES\"",
        "only case or a slash at the end tells it from line 6, `GET /notes`",
    ),
    (
        "path = \"/s/admin\"",
        "path = \"/notes/\"",
        "only case or a slash at the end",
    ),
    (
        "path = \"/files/{path:path}\"",
        "path = \"/{path:path}/\"",
        "a slash at its end included",
    ),
    (
        "action = \"manage\"",
        "action = \"rule\"",
        "the policy has no action `rule`",
    ),
    (
        "power = \"draft\"",
        "power = \"observe\"",
        "`send_note` has no power `observe`",
    ),
    (
        "power = \"draft\"",
        "power = \"all\"",
        "`power` is `observe`",
    ),
    (
        "{ type = \"note\", id = \"all\" }",
        "{ type = \"folder\", id = \"all\" }",
        "the policy has no kind of resource `folder`",
    ),
    (
        "args.path = \"{path}\"",
        "args.file = \"{path}\"",
        "`read_file` has no argument `file`",
    ),
    (
        "args.path = \"{path}\"",
        "args.file = \"{path}\"",
        "does not say where the argument `path` is",
    ),
    (
        "args.path = \"{path}\"",
        "args.path = \"path\"",
        "`path` is no place",
    ),
    (
        "args.path = \"{path}\"",
        "args.path = \"/path\"",
        "say `body = \"json\"`",
    ),
    (
        "body = \"unchecked\"",
        "body = \"json\"",
        "nginx (`auth_request`) hands no body to the check",
    ),
    (
        "body = \"unchecked\"",
        "body = \"all\"",
        "`body` is `json` or `unchecked`",
    ),
    (
        "args.to = \"{to}\"\nargs",
        "args.copies = \"{to}\"\nargs",
        "more than a text can say",
    ),
    (
        "{ value = \"mail\" }",
        "{ value = 1 }",
        "not of the type of the argument",
    ),
    (
        "{ value = \"mail\" }",
        "{ value = 1.5 }",
        "is a text, an integer",
    ),
    (
        "unchecked = [\"?page\"]",
        "unchecked = [\"?limit\"]",
        "stands here twice, or is checked",
    ),
    (
        "unchecked = [\"?page\"]",
        "unchecked = [\"{page}\"]",
        "all of which is checked",
    ),
    (
        "when = { \"?send\" = false }\n",
        "",
        "no request reaches it: line 38, `POST /notes/{note}/mail/{to}`, takes all of them",
    ),
];

#[test]
fn every_problem_of_the_file_is_named_with_its_place() {
    let world = World::new();
    let good = world.read("forward.toml");
    for (from, to, said) in WRONG {
        assert!(good.contains(from), "{from}");
        world.write("forward.toml", &good.replacen(from, to, 1));
        let run = world.ambit(&START).expect(3);
        assert!(
            run.err.contains("forward.config") && run.err.contains(said),
            "{to}: {}",
            run.err
        );
        let is_above = from.starts_with("front") || from.starts_with("url");
        assert!(is_above || run.err.contains("line "), "{}", run.err);
    }
    // Two forms of which neither says more.
    let two = "\n[[routes]]\nmethod = \"GET\"\npath = \"/{a}/admin\"\naction = \"manage\"\npower = \"observe\"\nresource = { type = \"note\", id = \"{a}\" }\n";
    world.write("forward.toml", &(good.clone() + two));
    world
        .ambit(&START)
        .expect(3)
        .says("neither says more of it");
    // All of them at one time.
    let text = good
        .replace("action = \"manage\"", "action = \"rule\"")
        .replace("args.path", "args.file");
    world.write("forward.toml", &text);
    let run = world.ambit(&START).expect(3);
    assert!(
        run.err.contains("3 problems") && run.err.contains("`rule`") && run.err.contains("`file`"),
        "{}",
        run.err
    );
}

#[test]
fn one_of_gateway_and_service_uses_up_what_a_call_costs() {
    let world = World::new();
    let [command @ .., _, _, listen] = START;
    let without = [&command[..], &[listen]].concat();
    world.ambit(&without).expect(3).says("serve.ledger");
    world.edit("forward.toml", "front =", "service_checks = true\nfront =");
    world
        .ambit(&START)
        .expect(3)
        .says("with a ledger the gateway would as well");
    // Without a ledger nothing is used up here, and all else is checked.
    let server = world.serve("forward.toml", &[]);
    let shown = world.shown("GET", "/notes/7", None);
    for _ in 0..2 {
        assert_eq!(
            crate::world::asks(&server, "GET", "/notes/7", &shown).status,
            200
        );
    }
    assert_eq!(
        crate::world::code(&crate::world::asks(&server, "GET", "/notes/8", &shown)),
        "possession.url"
    );
}
