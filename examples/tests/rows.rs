//! Row-level security by a policy, in Debian's PostgreSQL: the example, and what somebody would try who can put text
//! into the service's queries.

use ambit_compiler::sql;
use ambit_examples::{Outcome, Shop};
use ambit_host::RowSettings;
use postgres::{Client, Config, NoTls};
use serde_json::json;

#[path = "../rows.rs"]
#[expect(dead_code, reason = "its `main`")]
mod example;
#[path = "../../host/tests/servers/postgres.rs"]
#[expect(dead_code, reason = "what tests of ledgers need")]
mod server;

use example::{Service, asked, orders, refund, token};
use server::Postgres;

const ALL: &str = "SELECT id FROM shop.orders ORDER BY id";

/// One server for all: it takes seconds to make.
#[test]
fn rows_outside_of_a_call_are_not_there() -> Outcome<()> {
    let Some(server) = Postgres::start() else {
        return Ok(());
    };
    let server: Config = server_config(&server)?;
    example::run(&server)?;
    let shop = Shop::of("rows")?;
    let service = Service::start(&shop, &server)?;
    let mut case = Case {
        token: token(&shop, Some("north"))?,
        shop,
        server,
        service,
    };
    case.nothing_without_settings()?;
    case.nothing_by_settings_that_nobody_sealed()?;
    case.nothing_of_another_tenant()?;
    case.writes_need_an_action_that_writes()?;
    case.injected_text_sees_no_more()?;
    case.a_sealed_call_ends()?;
    case.a_role_that_passes_by_is_refused()?;
    case.a_schema_of_somebody_else_is_refused()?;
    case.names_are_quoted()?;
    case.every_kind_of_bound()
}

fn server_config(server: &Postgres) -> Outcome<Config> {
    Ok(server.superuser().parse()?)
}

struct Case {
    shop: Shop,
    token: String,
    server: Config,
    service: Service,
}

/// The first column of each row.
fn first(rows: &[postgres::Row]) -> Vec<String> {
    rows.iter().map(|row| row.get(0)).collect()
}

impl Case {
    fn admin(&self) -> Outcome<Client> {
        Ok(self.server.clone().dbname("ambit_rows").connect(NoTls)?)
    }

    /// What a statement sees once these settings are made.
    fn within(&mut self, call: &str, seal: &str, sql: &str) -> Outcome<Vec<String>> {
        let mut transaction = self.service.database.transaction()?;
        transaction.execute(RowSettings::SQL, &[&call, &seal])?;
        let rows = transaction.query(sql, &[])?;
        transaction.commit()?;
        Ok(first(&rows))
    }

    fn by(&mut self, request: &str, sql: &str) -> Outcome<Vec<String>> {
        let settings = self.service.decide(request)?;
        self.within(settings.call(), settings.seal(), sql)
    }

    fn nothing_without_settings(&mut self) -> Outcome<()> {
        let database = &mut self.service.database;
        assert_eq!(first(&database.query(ALL, &[])?), [""; 0]);
        // Outside of a transaction the settings end with their statement.
        let settings = self.service.decide(&orders(&self.token, "north", "c-7"))?;
        let database = &mut self.service.database;
        database.execute(RowSettings::SQL, &[&settings.call(), &settings.seal()])?;
        assert_eq!(first(&database.query(ALL, &[])?), [""; 0]);
        // And with their transaction, whether it is kept or not: a pool gives the connection to somebody else.
        let seen = self.within(settings.call(), settings.seal(), ALL)?;
        assert_eq!(seen, ["o-1", "o-6"]);
        let mut undone = self.service.database.transaction()?;
        undone.execute(RowSettings::SQL, &[&settings.call(), &settings.seal()])?;
        undone.rollback()?;
        let left = self.service.database.query(ALL, &[])?;
        assert_eq!(first(&left), [""; 0]);
        // The owner of the tables sees none either.
        let mut owner = self.server.clone();
        let owner = owner.dbname("ambit_rows").user("shop_owner");
        assert_eq!(first(&owner.connect(NoTls)?.query(ALL, &[])?), [""; 0]);
        // A call that was refused, or is none, has no settings.
        let other = asked(
            &self.token,
            Some("south"),
            &json!({"name": "orders", "properties": {"power": "observe", "args": {"region": "eu"}}}),
            ("Customer", "c-7"),
        );
        assert!(self.service.decide(&other).is_err());
        Ok(())
    }

    fn nothing_by_settings_that_nobody_sealed(&mut self) -> Outcome<()> {
        let settings = self.service.decide(&orders(&self.token, "north", "c-7"))?;
        let (call, seal) = (settings.call().to_owned(), settings.seal().to_owned());
        let other = self.service.decide(&orders(&self.token, "north", "c-8"))?;
        let wider = call.replace(r#""tenant":"north""#, r#""tenant":"south""#);
        assert_ne!(wider, call);
        let spaced = call.replacen(':', ": ", 1);
        for (call, seal) in [
            ("", ""),
            (call.as_str(), ""),
            ("", seal.as_str()),
            (call.as_str(), other.seal()),
            (wider.as_str(), seal.as_str()),
            (spaced.as_str(), seal.as_str()),
            ("{", seal.as_str()),
            (call.as_str(), &seal.to_uppercase()),
            (call.as_str(), &"0".repeat(64)),
            (call.as_str(), "not a seal"),
        ] {
            assert_eq!(self.within(call, seal, ALL)?, [""; 0], "{call} {seal}");
        }
        Ok(())
    }

    fn nothing_of_another_tenant(&mut self) -> Outcome<()> {
        let south = token(&self.shop, Some("south"))?;
        assert_eq!(self.by(&orders(&south, "south", "c-7"), ALL)?, ["o-5"]);
        // The order is the other tenant's.
        let request = refund(&self.token, "north", "o-5");
        assert_eq!(self.by(&request, ALL)?, [""; 0]);
        // A call without a tenant sees nothing of a table with tenants.
        let none = token(&self.shop, None)?;
        let action =
            json!({"name": "orders", "properties": {"power": "observe", "args": {"region": "eu"}}});
        let request = asked(&none, None, &action, ("Customer", "c-7"));
        assert_eq!(self.by(&request, ALL)?, [""; 0]);
        Ok(())
    }

    fn writes_need_an_action_that_writes(&mut self) -> Outcome<()> {
        let looking = orders(&self.token, "north", "c-7");
        let paying = refund(&self.token, "north", "o-1");
        let drafting = paying.replace("\"execute\"", "\"draft\"");
        let update = "UPDATE shop.orders SET refunded = 1 RETURNING id";
        assert_eq!(self.by(&looking, update)?, [""; 0]);
        assert_eq!(self.by(&drafting, ALL)?, ["o-1"]);
        assert_eq!(self.by(&drafting, update)?, [""; 0]);
        assert_eq!(self.by(&paying, update)?, ["o-1"]);
        for (request, sql) in [
            // The action updates, and nothing else.
            (&paying, "DELETE FROM shop.orders RETURNING id"),
            (&looking, "DELETE FROM shop.orders RETURNING id"),
        ] {
            assert_eq!(self.by(request, sql)?, [""; 0], "{sql}");
        }
        for sql in [
            // A row cannot be moved out of what the call may see, nor be made.
            "UPDATE shop.orders SET tenant = 'south' RETURNING id",
            "UPDATE shop.orders SET total = 5.01 RETURNING id",
            "UPDATE shop.orders SET id = 'o-9' RETURNING id",
            "INSERT INTO shop.orders VALUES ('o-1', 'north', 'c-7', 'eu', 1, 'EUR', '{customer-care}') RETURNING id",
            "INSERT INTO shop.lines VALUES ('o-1', 'north', 'x') RETURNING what",
        ] {
            let error = self.by(&paying, sql).unwrap_err();
            let code = error.downcast::<postgres::Error>()?;
            let code = code.code().map(|code| code.code().to_owned());
            assert_eq!(code.as_deref(), Some("42501"), "{sql}");
        }
        Ok(())
    }

    /// What a hole in one of the service's queries could say.
    fn injected_text_sees_no_more(&mut self) -> Outcome<()> {
        let request = orders(&self.token, "north", "c-7");
        let settings = self.service.decide(&request)?;
        let wider = settings
            .call()
            .replace("c-7", "c-8")
            .replace("north", "south")
            .replace('\'', "''");
        let seen = ["o-1", "o-6"];
        for sql in [
            "SELECT id FROM shop.orders WHERE false OR true -- ' ORDER BY id".to_owned(),
            format!("SELECT set_config('ambit.call', '{wider}', true) WHERE false UNION ALL SELECT id FROM shop.orders ORDER BY 1"),
            "SELECT id FROM shop.orders WHERE (SELECT set_config('row_security', 'off', true)) IS NOT NULL ORDER BY 1".to_owned(),
        ] {
            let mut got = self.within(settings.call(), settings.seal(), &sql)?;
            got.sort();
            assert_eq!(got, seen, "{sql}");
        }
        // Who says another call has none.
        let other = format!(
            "SELECT id FROM shop.orders WHERE (SELECT set_config('ambit.call', '{wider}', true)) = '' ORDER BY 1"
        );
        assert!(
            self.within(settings.call(), settings.seal(), &other)?
                .iter()
                .all(|one| seen.contains(&one.as_str()))
        );
        // Values of the call itself, which an agent chooses.
        for id in [
            "c-7' OR '1'='1",
            "c-7\"; DROP TABLE shop.orders; --",
            "c-7\\",
            "c-7\u{0}",
            "%",
        ] {
            let request = orders(&self.token, "north", id);
            let got = self.by(&request, ALL).unwrap_or_default();
            assert_eq!(got, [""; 0], "{id:?}");
        }
        self.injected_statements_see_no_more(&settings, &wider)
    }

    /// Whole statements, as a connection would take them without parameters.
    fn injected_statements_see_no_more(
        &mut self,
        settings: &RowSettings,
        wider: &str,
    ) -> Outcome<()> {
        for sql in [
            format!("SET LOCAL ambit.call = '{wider}'"),
            format!("SET ambit.call = '{wider}'"),
            "RESET ambit.seal".to_owned(),
            "RESET ALL".to_owned(),
        ] {
            let mut transaction = self.service.database.transaction()?;
            transaction.execute(RowSettings::SQL, &[&settings.call(), &settings.seal()])?;
            transaction.batch_execute(&sql)?;
            assert_eq!(first(&transaction.query(ALL, &[])?), [""; 0], "{sql}");
            transaction.rollback()?;
        }
        for sql in [
            "SET row_security = off; SELECT id FROM shop.orders",
            "SELECT * FROM ambit.seal_key",
            "UPDATE ambit.seal_key SET inner_block = outer_block",
            "SELECT ambit.use_key(decode(repeat('00', 32), 'hex'))",
            "ALTER TABLE shop.orders DISABLE ROW LEVEL SECURITY",
            "DROP POLICY ambit_select ON shop.orders",
            "CREATE POLICY mine ON shop.orders USING (true)",
            "CREATE OR REPLACE FUNCTION ambit.policy() RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
            "CREATE FUNCTION ambit.call(text) RETURNS jsonb LANGUAGE sql AS 'SELECT null::jsonb'",
            "DELETE FROM ambit.guarded",
            "TRUNCATE shop.orders",
            "SET ROLE shop_owner",
        ] {
            let mut transaction = self.service.database.transaction()?;
            transaction.execute(RowSettings::SQL, &[&settings.call(), &settings.seal()])?;
            assert!(transaction.batch_execute(sql).is_err(), "{sql}");
            transaction.rollback()?;
        }
        Ok(())
    }

    fn a_sealed_call_ends(&mut self) -> Outcome<()> {
        let settings = self.service.decide(&orders(&self.token, "north", "c-7"))?;
        let call: serde_json::Value = serde_json::from_str(settings.call())?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let until = call["until"].as_u64().ok_or("until")?;
        assert!((until - now.as_secs()) <= 60, "{until}");
        // The owner of the key can say what a service did not: the same call, ended, and of another policy.
        let mut admin = self.admin()?;
        let sealed = "SELECT encode(sha256(outer_block || sha256(inner_block || convert_to($1, 'UTF8'))), 'hex') FROM ambit.seal_key";
        let mut seen = |call: &serde_json::Value| -> Outcome<Vec<String>> {
            let call = call.to_string();
            let seal: String = admin.query_one(sealed, &[&call])?.get(0);
            self.within(&call, &seal, ALL)
        };
        assert_eq!(seen(&call)?, ["o-1", "o-6"]);
        for (name, value) in [
            ("until", json!(now.as_secs() - 5)),
            ("until", json!(null)),
            ("policy", json!("shop/other")),
            ("v", json!("ambit-rows-2")),
            ("bounds", json!(null)),
            (
                "bounds",
                json!([{"region": {"constraint_type": "unheard_of"}}]),
            ),
            ("resource", json!(null)),
            ("purpose", json!(null)),
        ] {
            let mut other = call.clone();
            other[name] = value;
            assert_eq!(seen(&other)?, [""; 0], "{name}");
        }
        Ok(())
    }

    fn a_role_that_passes_by_is_refused(&mut self) -> Outcome<()> {
        let mut admin = self.admin()?;
        let says = |role: &str| -> Outcome<String> {
            let mut config = self.server.clone();
            let mut client = config.dbname("ambit_rows").user(role).connect(NoTls)?;
            Ok(match client.execute("SELECT ambit.check()", &[]) {
                Ok(_) => "ok".to_owned(),
                Err(error) => error
                    .as_db_error()
                    .map_or_else(String::new, |error| error.message().to_owned()),
            })
        };
        assert_eq!(says("shop_service")?, "ok");
        assert!(says("postgres")?.contains("can pass row-level security by"));
        assert!(says("shop_owner")?.contains("can reach the key"));
        for (open, closed, words) in [
            (
                "ALTER ROLE shop_service BYPASSRLS",
                "ALTER ROLE shop_service NOBYPASSRLS",
                "can pass row-level security by",
            ),
            (
                "ALTER TABLE shop.lines NO FORCE ROW LEVEL SECURITY",
                "ALTER TABLE shop.lines FORCE ROW LEVEL SECURITY",
                "is open",
            ),
            (
                "ALTER TABLE shop.lines DISABLE ROW LEVEL SECURITY",
                "ALTER TABLE shop.lines ENABLE ROW LEVEL SECURITY",
                "is open",
            ),
            (
                "CREATE POLICY more ON shop.lines USING (true)",
                "DROP POLICY more ON shop.lines",
                "is open",
            ),
            (
                "GRANT TRUNCATE ON shop.lines TO shop_service",
                "REVOKE TRUNCATE ON shop.lines FROM shop_service",
                "may truncate it",
            ),
            (
                "GRANT shop_owner TO shop_service",
                "REVOKE shop_owner FROM shop_service",
                "can reach the key",
            ),
        ] {
            admin.batch_execute(open)?;
            assert!(says("shop_service")?.contains(words), "{open}");
            admin.batch_execute(closed)?;
            assert_eq!(says("shop_service")?, "ok", "{closed}");
        }
        // What is generated is not put beside a policy that opens more.
        let sql = self.shop.row_level_security()?;
        admin
            .batch_execute("SET ROLE shop_owner; CREATE POLICY more ON shop.lines USING (true)")?;
        let refused = admin.batch_execute(&sql).unwrap_err().to_string();
        admin.batch_execute("ROLLBACK; DROP POLICY more ON shop.lines")?;
        assert!(refused.contains("db error"), "{refused}");
        // And may be run again.
        admin.batch_execute(&sql)?;
        assert_eq!(says("shop_service")?, "ok");
        Ok(())
    }

    /// Whoever made the schema, or the table with the key, before the operator came would read the key.
    fn a_schema_of_somebody_else_is_refused(&self) -> Outcome<()> {
        let sql = self.shop.row_level_security()?;
        // Nor does a collation take one text for another.
        assert!(
            !sql.contains("::text = (SELECT ambit.") && sql.contains("::text COLLATE \"C\" = ")
        );
        let mut admin = self.admin()?;
        admin.batch_execute("DROP DATABASE IF EXISTS ambit_other")?;
        admin.batch_execute("CREATE DATABASE ambit_other")?;
        let mut other = self.server.clone().dbname("ambit_other").connect(NoTls)?;
        for (before, after) in [
            (
                "CREATE SCHEMA ambit AUTHORIZATION shop_service",
                "DROP SCHEMA ambit",
            ),
            (
                "CREATE SCHEMA ambit; CREATE TABLE ambit.seal_key (one boolean PRIMARY KEY, inner_block bytea, outer_block bytea); \
                 ALTER TABLE ambit.seal_key OWNER TO shop_service",
                "DROP SCHEMA ambit CASCADE",
            ),
        ] {
            other.batch_execute(before)?;
            let refused = other.batch_execute(&sql).unwrap_err();
            let words = refused.as_db_error().map(|error| error.message());
            assert!(
                words.is_some_and(|words| words.contains("somebody else's")),
                "{before}: {refused:?}"
            );
            other.batch_execute("ROLLBACK")?;
            other.batch_execute(after)?;
        }
        drop(other);
        admin.batch_execute("DROP DATABASE ambit_other")?;
        Ok(())
    }

    /// Tables and columns called as nobody should.
    fn names_are_quoted(&self) -> Outcome<()> {
        let folder = tempfile::tempdir()?;
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
            std::fs::write(path, text)
        };
        let schema = r#"
            @label("thing, plural: things, any: any thing")
            @datatype("th'in\\g")
            @table("od\"d; DROP SCHEMA shop CASCADE; --.Ta'b$ambit$le\\")
            @columns("id: I\"d'\\, tenant: select")
            entity Thing;
            @label("look at things, observe: look at things")
            @powers("observe")
            action "lo'ok\\" appliesTo {
              principal: [Ambit::Agent],
              resource: [Thing],
              context: { @label("key") @column("k'\"e$ambit$y") "k'e\\y": String }
            };
        "#;
        write("schema.cedarschema", schema)?;
        let settings =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/rows/ambit.toml"))?;
        let key = "[[keys]]\niss = \"https://issuer.shop.example\"\nkid = \"issuer-1\"\nalg = \"Ed25519\"\nsigns = \"cap+jwt\"\nx = \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"\n";
        write("ambit.toml", &(settings + key))?;
        write(
            "agents/helper.toml",
            "agent = \"helper\"\n[[capabilities]]\nactions = [\"lo'ok\\\\\"]\nprivileges = [\"observe\"]\ndatatypes = [\"th'in\\\\g\"]\npurpose = \"care\"\nconsent = \"none\"\nconstraints.\"k'e\\\\y\" = { constraint_type = \"wildcard\" }\n",
        )?;
        let project =
            ambit_compiler::Project::load(folder.path()).map_err(|faults| faults.to_string())?;
        let made = sql::statements(&project).ok_or("it names a table")?;
        let mut admin = self.server.connect(NoTls)?;
        admin.batch_execute("DROP DATABASE IF EXISTS ambit_odd")?;
        admin.batch_execute("CREATE DATABASE ambit_odd")?;
        let mut admin = self.server.clone().dbname("ambit_odd").connect(NoTls)?;
        admin.batch_execute(
            "CREATE SCHEMA shop; CREATE SCHEMA \"od\"\"d; DROP SCHEMA shop CASCADE; --\"; \
             CREATE TABLE \"od\"\"d; DROP SCHEMA shop CASCADE; --\".\"Ta'b$ambit$le\\\" \
             (\"I\"\"d'\\\" text, \"select\" text, \"k'\"\"e$ambit$y\" text)",
        )?;
        admin.batch_execute(&made.text)?;
        let guarded = "SELECT count(*) FROM pg_policy, pg_namespace WHERE nspname = 'shop'";
        let count: i64 = admin.query_one(guarded, &[])?.get(0);
        assert_eq!(
            count, 1,
            "one policy, and the schema that was to be dropped"
        );
        Ok(())
    }

    /// The database compares as the evaluator does, for the kinds that it knows.
    fn every_kind_of_bound(&mut self) -> Outcome<()> {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/constraints/cases.json"
        );
        let cases: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
        let mut admin = self.admin()?;
        let compared = compare(&mut admin, &cases)?;
        assert!(compared > 100, "{compared}");
        Ok(())
    }
}

/// How many cases were compared. A group without a match may be of a malformed constraint, which no entry has that a
/// call rests on.
fn compare(admin: &mut Client, cases: &serde_json::Value) -> Outcome<usize> {
    let asked = "SELECT coalesce(ambit.holds($1::text::jsonb, $2::text::jsonb), false)";
    let asked = admin.prepare(asked)?;
    let mut compared = 0;
    for group in cases["groups"].as_array().into_iter().flatten() {
        let cases = group["cases"].as_array().map_or(&[][..], Vec::as_slice);
        let matches = |case: &serde_json::Value| case["match"] == true;
        let bound = &group["constraint"];
        if !is_known(bound) || !cases.iter().any(matches) {
            continue;
        }
        for case in cases {
            let value = case.get("value").map(ToString::to_string);
            if beyond(value.as_deref(), bound) {
                continue;
            }
            let held: bool = admin
                .query_one(&asked, &[&value, &bound.to_string()])?
                .get(0);
            assert_eq!(held, matches(case), "{bound} {value:?}");
            compared += 1;
        }
    }
    Ok(compared)
}

/// What a column cannot have (the character NUL), what an argument cannot (a number beyond 2^53 - 1), and a column
/// without a value, which meets `wildcard`.
fn beyond(value: Option<&str>, bound: &serde_json::Value) -> bool {
    let text = format!("{} {bound}", value.unwrap_or_default());
    let large = value.is_some_and(|value| value.len() > 15 && value.parse::<f64>().is_ok());
    large || text.contains("\\u0000") || (value.is_none() && bound["constraint_type"] == "wildcard")
}

fn is_known(bound: &serde_json::Value) -> bool {
    const KINDS: [&str; 13] = [
        "exact",
        "one_of",
        "not_one_of",
        "range",
        "like",
        "each",
        "subset",
        "contains",
        "count",
        "all",
        "any",
        "optional",
        "wildcard",
    ];
    let inner = bound["constraints"].as_array().into_iter().flatten();
    bound["constraint_type"]
        .as_str()
        .is_some_and(|kind| KINDS.contains(&kind))
        && inner.chain(bound.get("constraint")).all(is_known)
}
