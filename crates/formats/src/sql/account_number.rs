//! Columns that hold where money goes to, by their usual names.

/// Whether a column of this name holds an account number. By a list: a rule such as "contains `account`" would hit half of a
/// shop's tables.
pub(super) fn is_account_number(name: &str) -> bool {
    // The shortest and longest of the list: most words end here.
    (3..=NAMES_BYTES_MAX).contains(&name.len()) && NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

const NAMES_BYTES_MAX: usize = 19;

const NAMES: [&str; 22] = [
    "iban",
    "bic",
    "swift",
    "swift_code",
    "bic_code",
    "bank_account",
    "bank_account_no",
    "bank_account_number",
    "account_number",
    "account_no",
    "acct_no",
    "acct_number",
    "routing_number",
    "routing_no",
    "aba_number",
    "sort_code",
    "bank_code",
    "payout_account",
    "bank_details",
    "iban_number",
    "kontonummer",
    "clabe",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name_in_any_case() {
        assert!(["iban", "IBAN", "Routing_Number"].iter().all(|name| is_account_number(name)));
        assert!(
            !["account", "name", "id", "bic2", "", "iban_of_the_previous_employer"]
                .iter()
                .any(|name| is_account_number(name))
        );
        assert_eq!(NAMES.iter().map(|name| name.len()).max(), Some(NAMES_BYTES_MAX));
    }
}
