//! The listener: accepts, bounds, serves, drains.
//!
//! `axum::serve` bounds neither the number of connections nor the time a head takes to arrive; so the loop is ours.

use crate::{
    Desk, Settings,
    access::{self, Access},
    limits, routes,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore, time};

/// Pause after the system refused a connection (no file handles left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bound, not yet serving.
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    router: axum::Router,
}

/// Why the console cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// [`Settings::check`] would have said it.
    #[error("console.{key}: {problem}")]
    Settings { key: String, problem: String },
    #[error(transparent)]
    Token(#[from] access::TokenError),
    #[error("console.listen: `{listen}` cannot be listened at: {source}")]
    Listen { listen: SocketAddr, source: std::io::Error },
    #[error("the system gives no random bytes: {0}")]
    Randomness(String),
}

/// Binds and serves until `shutdown` resolves, then waits for running requests for at most [`limits::DRAIN_MAX`].
pub async fn serve(
    settings: &Settings,
    desk: Arc<dyn Desk>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    Server::bind(settings, desk).await?.run(shutdown).await;
    Ok(())
}

impl Server {
    /// Checks the settings, reads the token, listens. From here on connections queue up.
    pub async fn bind(settings: &Settings, desk: Arc<dyn Desk>) -> Result<Server, ServeError> {
        if let Some((key, problem)) = settings.check().into_iter().next() {
            return Err(ServeError::Settings { key, problem });
        }
        if let Some(path) = &settings.token_file {
            access::read_token(path).await?;
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| ServeError::Randomness(error.to_string()))?;
        let listen = settings.listen;
        let refused = |source| ServeError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let local_addr = listener.local_addr().map_err(refused)?;
        Ok(Server { listener, local_addr, router: routes::router(desk, Access::new(settings, key)) })
    }

    /// The address in fact listened at: the port, where the settings say 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown` resolves, then drains.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) {
        let connections = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
        let graceful = GracefulShutdown::new();
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits::HEAD_READ_MAX)
            .max_headers(limits::HEADERS_MAX)
            .max_buf_size(limits::HEAD_BYTES_MAX);
        tokio::pin!(shutdown);
        loop {
            let accepted = async {
                let permit = Arc::clone(&connections).acquire_owned().await.expect("the semaphore is never closed");
                self.listener.accept().await.map(|(stream, _)| (stream, permit))
            };
            let (stream, permit) = tokio::select! {
                () = &mut shutdown => break,
                accepted = accepted => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
            };
            let service = TowerToHyperService::new(self.router.clone());
            let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
            tokio::spawn(async move {
                // What a client does to its own connection is no event of ours.
                let _ = time::timeout(limits::CONNECTION_MAX, connection).await;
                drop(permit);
            });
        }
        drop(self.listener);
        if time::timeout(limits::DRAIN_MAX, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were still running at shutdown and were cut");
        }
    }
}
