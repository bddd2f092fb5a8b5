//! Columns that hold where money goes to, and tables made of such, by their usual names.

/// Whether a column of this name holds an account number. By a list: a rule such as "contains `account`" would hit half of a
/// shop's tables.
pub(super) fn is_account_number(name: &str) -> bool {
    // The shortest and longest of the list: most words end here.
    (3..=NAMES_BYTES_MAX).contains(&name.len()) && NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a column of this name says which account it is: of those, not the ones that only say at which bank.
pub(super) fn is_payee(name: &str) -> bool {
    let is_of_bank = || BANKS.iter().any(|known| known.eq_ignore_ascii_case(name));
    is_account_number(name) && !is_of_bank()
}

/// Whether a table of this name holds account numbers: for statements that write all its columns and name none.
///
/// By the beginnings of its words, since a wrong guess costs little here: such statements are rare, and only those on classified tables
/// count. `bank_holidays` is the one that would be guessed wrong all over a country.
pub(super) fn is_account_table(name: &str) -> bool {
    let (mut account, mut deposit, mut direct, mut holiday) = (false, false, false, false);
    for word in name.as_bytes().split(|byte| !byte.is_ascii_alphanumeric()) {
        let begins =
            |with: &str| word.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()));
        match word.first().map(u8::to_ascii_lowercase) {
            Some(b'b') => account |= begins("bank"),
            Some(b'i') => account |= begins("iban"),
            Some(b'p') => account |= begins("payee") || begins("payout"),
            Some(b'd') => (deposit, direct) = (deposit || begins("deposit"), direct || begins("direct")),
            Some(b'h') => holiday |= begins("holiday"),
            _ => {}
        }
    }
    (account || (deposit && direct)) && !holiday
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

/// Of those: what many accounts have in common.
const BANKS: [&str; 10] = [
    "bic",
    "swift",
    "swift_code",
    "bic_code",
    "routing_number",
    "routing_no",
    "aba_number",
    "sort_code",
    "bank_code",
    "bank_details",
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
        assert!(BANKS.iter().all(|name| is_account_number(name) && !is_payee(name)) && is_payee("IBAN"));
    }

    #[test]
    fn tables_by_the_beginnings_of_their_words() {
        for name in ["bank_accounts", "hr_BankDetails", "employee_bank_account", "iban", "Payouts", "direct_deposits"] {
            assert!(is_account_table(name), "{name}");
        }
        for name in ["hr_employees", "bank_holidays", "deposits"] {
            assert!(!is_account_table(name), "{name}");
        }
        assert!(!is_account_table("") && !is_account_table("é") && !is_account_table("riverbank"));
    }
}
