//! The in-memory host does what every host must do.

mod suite;

#[test]
fn the_suite() {
    suite::suite(&stream::memory());
}
