//! What takes too long, and what is under way at the end. The clock is stopped and jumps, nothing sleeps.

use crate::client::{Answer, Console};
use console::limits;
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time,
};

/// A command whose journal does not answer yet; returns once the desk has it.
async fn waiting(console: &Arc<Console>) -> JoinHandle<Answer> {
    let asking = Arc::clone(console);
    let body = r#"{"command":"note","by":"Ada","comment":"wait"}"#;
    let answer = tokio::spawn(async move { asking.post_json("/api/v1/incidents/INC-7/commands", body).await });
    console.desk.arrived.notified().await;
    answer
}

#[tokio::test]
async fn a_running_request_is_answered_before_the_server_ends() {
    let console = Arc::new(Console::start().await);
    let answer = waiting(&console).await;
    console.stop();
    console.refuses_connections().await;
    assert!(!answer.is_finished());
    console.desk.release.notify_one();
    assert_eq!(answer.await.unwrap().status, 200);
    console.ended().await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    let console = Arc::new(Console::start().await);
    let answer = waiting(&console).await;
    time::pause();
    let from = time::Instant::now();
    let answer = answer.await.unwrap();
    assert_eq!((answer.status, answer.problem().as_deref()), (503, Some("unavailable")));
    assert!(
        from.elapsed() >= limits::REQUEST_MAX - std::time::Duration::from_secs(1)
            && from.elapsed() < limits::CONNECTION_MAX
    );
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let console = Arc::new(Console::start().await);
    let _answer = waiting(&console).await;
    time::pause();
    let from = time::Instant::now();
    console.stop();
    console.ended().await;
    assert!(from.elapsed() >= limits::DRAIN_MAX && from.elapsed() < limits::REQUEST_MAX, "{:?}", from.elapsed());
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let console = Console::start().await;
    let mut slow = TcpStream::connect(console.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await.unwrap();
    time::pause();
    let from = time::Instant::now();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert!(from.elapsed() >= limits::HEAD_READ_MAX && from.elapsed() < limits::CONNECTION_MAX, "{:?}", from.elapsed());
}
