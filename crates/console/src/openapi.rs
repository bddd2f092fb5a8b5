//! The API's description, as served at `/api/v1/openapi.json`.
//!
//! Written by hand, because a reader wants sentences; tests hold it to the routes and to the JSON really sent.

/// OpenAPI 3.1.
pub(crate) const OPENAPI: &str = include_str!("../assets/openapi.json");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{problem::Kind, routes::ROUTES};
    use serde_json::Value;
    use std::collections::BTreeSet;

    #[test]
    fn it_describes_exactly_the_routes() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                methods.as_object().unwrap().keys().map(move |method| (path.clone(), method.clone()))
            })
            .collect();
        let served: BTreeSet<_> =
            ROUTES.iter().map(|route| (route.path.to_owned(), route.method.as_str().to_ascii_lowercase())).collect();
        assert_eq!(described, served);
        assert_eq!(served.len(), ROUTES.len());
    }

    #[test]
    fn it_lists_every_kind_of_problem() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let listed: Vec<&str> = document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
            .as_array()
            .unwrap()
            .iter()
            .map(|kind| kind.as_str().unwrap())
            .collect();
        let kinds: Vec<String> =
            Kind::ALL.iter().map(|kind| format!("urn:breachd:problem:{}", kind.as_str())).collect();
        assert_eq!(listed, kinds);
    }
}
