//! The bounds of a call, enforced a second time by PostgreSQL: a query outside of them gets no rows.
//!
//! `AMBIT_POSTGRES="host=/var/run/postgresql user=postgres" cargo run -p ambit-examples --example rows`
//!
//! It makes the database `ambit_rows` and the roles `shop_owner` and `shop_service` there, anew each time.

use std::sync::Arc;

use ambit_examples::{NOW, Outcome, SERVICE, Shop};
use ambit_host::ledger::{Consume, MemoryLedger};
use ambit_host::{Enforcer, Evaluator as _, NativeEngine, RowKey, RowSettings};
use postgres::{Client, Config, NoTls};
use serde_json::json;

fn main() -> Outcome<()> {
    let server = std::env::var("AMBIT_POSTGRES").map_err(
        |_| "AMBIT_POSTGRES says where a server is, and as whom: `host=/var/run/postgresql user=postgres`",
    )?;
    run(&server.parse()?)
}

/// The service: what it decides by, and its connection to the database.
pub(crate) struct Service {
    engine: NativeEngine,
    enforcer: Enforcer,
    key: RowKey,
    pub(crate) database: Client,
}

pub(crate) fn run(server: &Config) -> Outcome<()> {
    let shop = Shop::of("rows")?;
    let mut service = Service::start(&shop, server)?;
    let token = token(&shop, Some("north"))?;

    // The service's query asks for all orders. What comes back is what the call is about: this customer's orders of
    // this tenant, in regions that the token names, which may be used for this purpose.
    let all = "SELECT id FROM shop.orders ORDER BY id";
    let seen = service.query(&orders(&token, "north", "c-7"), all)?;
    assert_eq!(seen, ["o-1", "o-6"]);
    println!("orders of c-7:  {}", seen.join(", "));

    // The bounds of the entry for refunds: the order itself, and totals up to 5.00.
    let seen = service.query(&refund(&token, "north", "o-1"), all)?;
    assert_eq!(seen, ["o-1"]);
    let lines = "SELECT what FROM shop.lines";
    let what = service.query(&refund(&token, "north", "o-1"), lines)?;
    println!("refund of o-1:  {} ({})", seen.join(", "), what.join(", "));
    let pay = "UPDATE shop.orders SET refunded = refunded + 1.50 RETURNING id";
    let paid = service.query(&refund(&token, "north", "o-1"), pay)?;
    assert_eq!(paid, ["o-1"]);
    let seen = service.query(&refund(&token, "north", "o-6"), all)?;
    assert!(seen.is_empty(), "its total is beyond the bound");
    println!("refund of o-6:  no row, its total is above the bound of the token");

    // Without a call, and behind the end of a transaction, there are no rows.
    let rows = service.database.query(all, &[])?;
    assert!(rows.is_empty());
    println!("without a call: no rows");
    Ok(())
}

impl Service {
    /// What an operator does once (database, tables, row-level security, key), and the start of the service.
    pub(crate) fn start(shop: &Shop, server: &Config) -> Outcome<Self> {
        let mut admin = server.connect(NoTls)?;
        admin.batch_execute("DROP DATABASE IF EXISTS ambit_rows")?;
        for role in ["shop_owner", "shop_service"] {
            admin.batch_execute(&format!("DROP ROLE IF EXISTS {role}"))?;
            admin.batch_execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'example'"))?;
        }
        admin.batch_execute("CREATE DATABASE ambit_rows OWNER shop_owner")?;
        let connect = |role: &str| {
            let mut config = server.clone();
            let config = config.dbname("ambit_rows").user(role).password("example");
            config.connect(NoTls)
        };
        // `openssl rand -hex 32 > rows.key; chmod 600 rows.key`: the service reads it with `RowKey::read`.
        let digits = "5c".repeat(32);
        let mut owner = connect("shop_owner")?;
        owner.batch_execute(include_str!("rows/shop.sql"))?;
        // `ambit build examples/rows --sql rows.sql`
        owner.batch_execute(&shop.row_level_security()?)?;
        owner.execute("SELECT ambit.use_key(decode($1, 'hex'))", &[&digits])?;

        let mut database = connect("shop_service")?;
        database.execute("SELECT ambit.check()", &[])?;
        Ok(Self {
            engine: NativeEngine::new(&shop.module()?),
            enforcer: Enforcer::new().with("consume", Consume::new(Arc::new(MemoryLedger::new()))),
            key: RowKey::parse(&digits)?,
            database,
        })
    }

    /// Decides a call, and runs its query in a transaction to which alone the database was told of it. Connections may
    /// come from a pool: nothing of a call is left when its transaction has ended.
    fn query(&mut self, request: &str, sql: &str) -> Outcome<Vec<String>> {
        let settings = self.decide(request)?;
        let mut transaction = self.database.transaction()?;
        transaction.execute(RowSettings::SQL, &[&settings.call(), &settings.seal()])?;
        let rows = transaction.query(sql, &[])?;
        transaction.commit()?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    pub(crate) fn decide(&self, request: &str) -> Outcome<RowSettings> {
        let answer = self.engine.evaluate(request.as_bytes());
        let verdict = self.enforcer.enforce(&answer);
        Ok(self
            .key
            .settings(&self.engine, request.as_bytes(), &verdict)?)
    }
}

/// A token for one run of the agent, of a tenant or of none.
pub(crate) fn token(shop: &Shop, tenant: Option<&str>) -> Outcome<String> {
    let mut claims = json!({
        "sub": "user:ann",
        "aud": [SERVICE],
        "act": {"sub": "https://agents.shop.example/helper/1", "sub_profile": "ai_agent"},
        "agent": {"uid": "helper"},
        "del_max_depth": 1,
        "authorization_details": [{
            "type": "ambit_capability",
            "actions": ["orders"],
            "privileges": ["observe"],
            "datatypes": ["Customer"],
            "purpose": "customer-care",
            "constraints": {"region": {"constraint_type": "one_of", "values": ["eu", "us"]}},
        }, {
            "type": "ambit_capability",
            "actions": ["refund"],
            "privileges": ["draft", "execute"],
            "datatypes": ["Order"],
            "purpose": "customer-care",
            "constraints": {
                "amount": {"constraint_type": "range", "min": 1, "max": 500},
                "currency": {"constraint_type": "exact", "value": "EUR"},
            },
        }],
    });
    if let (Some(tenant), Some(claims)) = (tenant, claims.as_object_mut()) {
        claims.insert("tenant".to_owned(), json!(tenant));
    }
    shop.mint(&claims)
}

pub(crate) fn orders(token: &str, tenant: &str, customer: &str) -> String {
    let action =
        json!({"name": "orders", "properties": {"power": "observe", "args": {"region": "eu"}}});
    asked(token, Some(tenant), &action, ("Customer", customer))
}

pub(crate) fn refund(token: &str, tenant: &str, order: &str) -> String {
    let args = json!({"amount": 1.5, "currency": "EUR"});
    let action = json!({"name": "refund", "properties": {"power": "execute", "args": args}});
    asked(token, Some(tenant), &action, ("Order", order))
}

/// What the agent asks, and what the service knows.
pub(crate) fn asked(
    token: &str,
    tenant: Option<&str>,
    action: &serde_json::Value,
    (kind, id): (&str, &str),
) -> String {
    let mut facts = json!({"now": NOW, "audience": SERVICE});
    if let (Some(tenant), Some(facts)) = (tenant, facts.as_object_mut()) {
        facts.insert("tenant".to_owned(), json!(tenant));
    }
    json!({
        "evaluation": {
            "action": action,
            "resource": {"type": kind, "id": id},
            "context": {"purpose": "customer-care"},
        },
        "token": token,
        "facts": facts,
    })
    .to_string()
}
