//! breachd: notices a breach of HR data on a Magento platform, and gets the right people told in time.
pub mod settings;
