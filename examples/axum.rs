//! A service in axum, guarded from within: each request is checked before its handler has it.
//!
//! `cargo run -p ambit-examples --example axum`

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use ambit_examples::{NOW, Outcome, SERVICE, Shop};
use ambit_tower::{Asked, Files, Guard, Power};
use axum::Router;
use axum::extract::Path;
use axum::routing::post;

/// What the service does. It runs only for what was allowed, and gets exactly the bytes that were checked.
async fn refund(Path(order): Path<String>, body: String) -> String {
    format!("order {order}: {body}")
}

pub(crate) fn main() -> Outcome<()> {
    let shop = Shop::open()?;
    let files = Files::new(
        shop.file("policy.wasm"),
        shop.file("keys.json"),
        shop.file("seen.json"),
        shop.file("used.sqlite"),
    );
    // The example's token is of a fixed day; a service leaves this out.
    let files = files.clock(Box::new(|| NOW));

    let guard = Guard::open(files, SERVICE, |request| {
        let refund = Asked::new("refund", Power::Execute).on("Order", request.segment(1)?);
        Ok(refund.purpose("customer-care").args(request.json()?))
    })?;
    let app = Router::new()
        .route("/orders/{order}/refund", post(refund))
        .layer(guard);

    let token = shop.token()?;
    let said = serving(app, |address| {
        ["1.50", "20.01"].map(|amount| ask(address, &token, amount))
    })?;
    let [allowed, denied] = said;
    let (allowed, denied) = (allowed?, denied?);
    assert!(
        allowed.ends_with("order o-1042: {\"amount\": 1.50, \"currency\": \"EUR\"}"),
        "{allowed}"
    );
    assert!(denied.starts_with("HTTP/1.1 403 "), "{denied}");
    println!("{allowed}\n\n{denied}");
    Ok(())
}

/// Serves while `agent` asks, at an address of its own.
fn serving<T>(app: Router, agent: impl FnOnce(&str) -> T) -> Outcome<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?.to_string();
    runtime.spawn(async move { axum::serve(listener, app).await });
    Ok(agent(&address))
}

/// What the agent does: it shows its token. Where the policy wants proofs, it sends `DPoP: PROOF` as well.
fn ask(address: &str, token: &str, amount: &str) -> Outcome<String> {
    let body = format!(r#"{{"amount": {amount}, "currency": "EUR"}}"#);
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "POST /orders/o-1042/refund HTTP/1.1\r\nHost: orders.shop.example\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
