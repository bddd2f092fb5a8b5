//! Serves sample data for people who look at pages, and for `tests/browser/check.mjs`.
//!
//! `cargo run -p console --example sample -- 127.0.0.1:8421 [TOKEN_FILE]`; port 0 takes a free one. Prints the address.

#![allow(clippy::print_stdout, reason = "an example is no library")]

mod desk;

use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:8421".into()).parse()?;
    let settings = console::Settings { listen, token_file: arguments.next().map(Into::into), ..Default::default() };
    let server = console::Server::bind(&settings, Arc::new(desk::SampleDesk::default())).await?;
    println!("http://{}/", server.local_addr());
    server
        .run(async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await;
    Ok(())
}
