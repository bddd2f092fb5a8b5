//! Worked cases: what happened, what has to come out, and where that is written.
//!
//! Ends were reckoned by hand with a calendar, and again with another library's zones; each row can be checked alone.

use activity::{DataClass, DataClasses, Timestamp};
use law::{Case, Catalogue, Headcount, Holds, Moment, People};
use std::collections::{BTreeMap, BTreeSet};

/// What has to come out.
enum Expected {
    /// It runs and ends then.
    Due(&'static str),
    /// It runs; the law gives no figure.
    NoFigure,
    /// Nothing of what starts it has come.
    Waits,
    /// It does not apply.
    No,
    /// It must not run by itself.
    Unarmed,
}
use Expected::{Due, No, NoFigure, Unarmed, Waits};

struct Worked {
    obligation: &'static str,
    /// `MOMENT TIME`, `sent:ID TIME`, `people N` or `people N..M`, `US-CA N`, `elsewhere unknown`, `class NAME`, `armed`, with `;`
    /// between. Without `class`: data of class `hr`. Without `people`: nothing is known of them.
    facts: &'static str,
    expected: Expected,
    source: &'static str,
}

const fn case(obligation: &'static str, facts: &'static str, expected: Expected, source: &'static str) -> Worked {
    Worked { obligation, facts, expected, source }
}

const GDPR_33: &str =
    "Regulation (EU) 2016/679 Art. 33(1); hours by Regulation (EEC, Euratom) 1182/71 Art. 3(1), (2)(a)";
const REG_1182: &str = "Regulation (EEC, Euratom) 1182/71 Art. 3(2)(c); strictest zone, as no authority is named";
const SEC: &str = "Form 8-K, General Instruction B.1 and Item 1.05; days off by 5 U.S.C. 6103";
const HIPAA: &str = "45 CFR 164.404(b), 164.408";
const CALIFORNIA: &str = "Cal. Civ. Code 1798.82(a), (f) as amended by SB 446; first day excluded by Cal. Civ. Code 10";
const NEW_YORK: &str = "N.Y. Gen. Bus. Law 899-aa(2), (8); first day excluded by N.Y. Gen. Constr. Law 20";
const BRAZIL: &str = "Resolução CD/ANPD 15/2024 Art. 6; days off by Lei 662/1949, Lei 6.802/1980, Lei 14.759/2023";
const VERMONT: &str = "9 V.S.A. 2435(b)(3); days off by 1 V.S.A. 371";

#[rustfmt::skip]
const WORKED: &[Worked] = &[
    // Hours: absolute, whatever clocks on walls do.
    case("eu-gdpr-33-authority", "awareness 2026-03-28T12:00:00Z", Due("2026-03-31T12:00:00Z"), GDPR_33),
    case("eu-gdpr-33-authority", "awareness 2026-10-24T00:30:00Z", Due("2026-10-27T00:30:00Z"), GDPR_33),
    case("eu-gdpr-33-authority", "awareness 2026-12-24T17:00:00Z", Due("2026-12-27T17:00:00Z"), "the same: no pause for weekends and days off where a period is in hours, Art. 3(4)"),
    case("eu-gdpr-33-authority", "awareness 2028-02-27T23:59:59Z", Due("2028-03-01T23:59:59Z"), GDPR_33),
    case("eu-gdpr-33-authority", "suspicion 2026-03-28T12:00:00Z", Waits, "EDPB Guidelines 9/2022, point 31: a reasonable degree of certainty"),
    case("eu-gdpr-33-authority", "awareness 2026-03-28T12:00:00Z; class none", No, "Art. 4(12): personal data"),
    case("eu-gdpr-33-authority", "awareness 2026-03-28T12:00:00Z; class credentials", Due("2026-03-31T12:00:00Z"), GDPR_33),
    case("eu-gdpr-34-individuals", "awareness 2026-03-28T12:00:00Z", NoFigure, "Regulation (EU) 2016/679 Art. 34(1)"),
    case("eu-gdpr-33-2-processor", "awareness 2026-03-28T12:00:00Z", NoFigure, "Regulation (EU) 2016/679 Art. 33(2)"),
    case("eu-digital-omnibus-33", "awareness 2026-03-28T12:00:00Z", Unarmed, "a proposal of 2025-11-19"),
    case("eu-digital-omnibus-33", "awareness 2026-03-28T12:00:00Z; armed", Due("2026-04-01T12:00:00Z"), "the same, said by name"),
    case("uk-gdpr-33-ico", "awareness 2026-10-24T22:00:00Z", Due("2026-10-27T22:00:00Z"), "UK GDPR Art. 33(1)"),
    case("uk-gdpr-34", "awareness 2026-10-24T22:00:00Z", NoFigure, "UK GDPR Art. 34(1)"),
    case("ch-fadp-24", "awareness 2026-10-24T22:00:00Z", NoFigure, "SR 235.1 Art. 24(1)"),
    case("eu-nis2-23-early-warning", "awareness 2026-03-28T12:00:00Z; class none", Due("2026-03-29T12:00:00Z"), "Directive (EU) 2022/2555 Art. 23(4)(a): an incident of any kind"),
    case("eu-nis2-23-notification", "awareness 2026-03-28T12:00:00Z", Due("2026-03-31T12:00:00Z"), "Directive (EU) 2022/2555 Art. 23(4)(b)"),
    case("in-certin", "awareness 2026-03-28T20:00:00Z", Due("2026-03-29T02:00:00Z"), "CERT-In directions of 2022-04-28, (ii)"),
    case("us-nydfs-500-17", "determination 2026-11-01T04:30:00Z", Due("2026-11-04T04:30:00Z"), "23 NYCRR 500.17(a)(1); clocks change that night"),
    case("us-bank-36h", "determination 2026-03-07T18:00:00Z", Due("2026-03-09T06:00:00Z"), "12 CFR 53.3"),
    case("us-circia", "awareness 2026-03-07T18:00:00Z", Unarmed, "6 U.S.C. 681b; final rule not verified"),
    case("card-mc-pfi", "suspicion 2026-03-07T18:00:00Z; class payment", Due("2026-03-10T18:00:00Z"), "Mastercard Security Rules and Procedures, ch. 10"),
    case("card-visa-notify", "suspicion 2026-03-07T18:00:00Z; class payment", NoFigure, "Visa, What To Do If Compromised"),
    case("card-visa-notify", "suspicion 2026-03-07T18:00:00Z; class hr", No, "the same: card data alone"),
    // Whichever comes first of two limits.
    case("eu-dora-19-initial", "awareness 2026-05-04T08:00:00Z; determination 2026-05-04T10:00:00Z", Due("2026-05-04T14:00:00Z"), "Delegated Regulation (EU) 2025/301 Art. 5(1)(a): 4 h after classification"),
    case("eu-dora-19-initial", "awareness 2026-05-03T12:00:00Z; determination 2026-05-04T11:00:00Z", Due("2026-05-04T12:00:00Z"), "the same: 24 h after awareness at the latest"),
    case("eu-dora-19-initial", "awareness 2026-05-03T12:00:00Z", Due("2026-05-04T12:00:00Z"), "the same, before anybody classified it"),
    case("eu-dora-19-initial", "suspicion 2026-05-03T12:00:00Z", Waits, "the same"),
    // Started by another notice.
    case("eu-nis2-23-final", "awareness 2026-01-28T10:00:00Z", Waits, "Directive (EU) 2022/2555 Art. 23(4)(d): after the notification"),
    case("eu-nis2-23-final", "awareness 2026-01-28T10:00:00Z; sent:eu-nis2-23-notification 2026-01-31T18:00:00Z", Due("2026-02-28T09:59:59Z"), REG_1182),
    case("eu-nis2-23-final", "awareness 2026-03-14T10:00:00Z; sent:eu-nis2-23-notification 2026-03-15T18:00:00Z", Due("2026-04-15T09:59:59Z"), REG_1182),
    case("eu-nis2-23-final", "sent:eu-nis2-23-notification 2028-01-31T18:00:00Z", Due("2028-02-29T09:59:59Z"), REG_1182),
    case("eu-dora-19-intermediate", "determination 2026-05-04T10:00:00Z; sent:eu-dora-19-initial 2026-05-04T13:00:00Z", Due("2026-05-07T13:00:00Z"), "Delegated Regulation (EU) 2025/301 Art. 5(1)(b)"),
    case("eu-dora-19-final", "sent:eu-dora-19-intermediate 2026-05-31T18:00:00Z", Due("2026-06-30T09:59:59Z"), "Delegated Regulation (EU) 2025/301 Art. 5(1)(c); 31 May plus a month is 30 June"),
    case("au-ndb-individuals", "awareness 2026-05-04T10:00:00Z", Waits, "Privacy Act 1988 (Cth) s 26WL: after the statement"),
    case("au-ndb-individuals", "sent:au-ndb-oaic 2026-05-06T10:00:00Z", NoFigure, "Privacy Act 1988 (Cth) s 26WL"),
    // Calendar days end in the authority's zone.
    case("au-ndb-assessment", "suspicion 2026-02-01T02:00:00Z", Due("2026-03-03T12:59:59Z"), "Privacy Act 1988 (Cth) s 26WH(2): 13:00 on 1 February in Sydney, summer time"),
    case("au-ndb-assessment", "suspicion 2026-03-20T00:00:00Z", Due("2026-04-19T13:59:59Z"), "the same, over the end of summer time on 5 April"),
    case("sg-pdpa-pdpc", "determination 2026-06-10T16:30:00Z", Due("2026-06-14T15:59:59Z"), "PDPA 2012 s 26D(1): 00:30 on 11 June in Singapore is day 0"),
    case("sg-pdpa-pdpc", "determination 2026-06-10T15:30:00Z; people 3", Due("2026-06-13T15:59:59Z"), "the same: 23:30 on 10 June; significant harm suffices, whatever the number"),
    case("sg-pdpa-individuals", "determination 2026-06-10T16:30:00Z", Waits, "PDPA 2012 s 26D(2): on or after telling the commission"),
    case("card-visa-pfi", "suspicion 2026-03-02T21:14:00Z; class payment", Due("2026-03-07T09:59:59Z"), "five days; no zone is named: 2 March where it ends last, over on 7 March where that ends first"),
    case("us-ca-individuals", "discovery 2026-03-02T03:30:00Z", Due("2026-04-01T06:59:59Z"), CALIFORNIA),
    case("us-ca-individuals", "discovery 2026-03-08T07:30:00Z", Due("2026-04-07T06:59:59Z"), CALIFORNIA),
    case("us-ny-individuals", "discovery 2026-10-10T03:00:00Z", Due("2026-11-09T04:59:59Z"), NEW_YORK),
    case("us-tx-individuals", "determination 2026-05-01T12:00:00Z", Due("2026-07-01T04:59:59Z"), "Tex. Bus. & Com. Code 521.053(b)"),
    case("us-tx-ag", "determination 2026-05-01T12:00:00Z; people 250; US-TX 250", Due("2026-06-01T04:59:59Z"), "Tex. Bus. & Com. Code 521.053(i): at least 250"),
    case("us-tx-ag", "determination 2026-05-01T12:00:00Z; people 249; US-TX 249", No, "the same"),
    case("us-az-individuals", "determination 2026-03-01T06:30:00Z", Due("2026-04-15T06:59:59Z"), "Ariz. Rev. Stat. 18-552(B): 23:30 on 28 February in Phoenix, which has no summer time; 45 days"),
    case("us-pr-daco", "discovery 2026-03-01T03:30:00Z", Due("2026-03-11T03:59:59Z"), "Puerto Rico, Act 111-2005: 23:30 on 28 February in San Juan; 10 days"),
    case("us-hipaa-individuals", "discovery 2026-01-15T15:00:00Z", Due("2026-03-17T03:59:59Z"), HIPAA),
    // From the end of the year.
    case("us-hipaa-hhs-small", "discovery 2026-06-01T15:00:00Z; people 499", Due("2027-03-02T04:59:59Z"), HIPAA),
    case("us-hipaa-hhs-small", "discovery 2027-06-01T15:00:00Z; people 499", Due("2028-03-01T04:59:59Z"), "45 CFR 164.408(c), in a leap year"),
    case("us-hipaa-hhs-small", "discovery 2027-01-01T03:00:00Z; people 499", Due("2027-03-02T04:59:59Z"), "45 CFR 164.408(c): 22:00 on 31 December 2026 in New York"),
    case("us-hipaa-hhs-small", "discovery 2026-06-01T15:00:00Z; people 500", No, HIPAA),
    case("us-hipaa-hhs-large", "discovery 2026-06-01T15:00:00Z; people 499", No, HIPAA),
    case("us-hipaa-hhs-large", "discovery 2026-06-01T15:00:00Z; people 500", Due("2026-08-01T03:59:59Z"), HIPAA),
    case("us-hipaa-hhs-large", "discovery 2026-06-01T15:00:00Z; people 100..900", Due("2026-08-01T03:59:59Z"), "the same: between the bounds it counts as met"),
    case("us-hipaa-hhs-small", "discovery 2026-06-01T15:00:00Z; people 100..900", Due("2027-03-02T04:59:59Z"), "the same"),
    // Business days.
    case("us-sec-8k-105", "determination 2026-07-02T20:00:00Z", Waits, "Form 8-K Item 1.05(a): materiality is what starts it"),
    case("us-sec-8k-105", "materiality 2026-07-02T20:00:00Z", Due("2026-07-10T03:59:59Z"), SEC),
    case("us-sec-8k-105", "materiality 2026-09-05T15:00:00Z", Due("2026-09-12T03:59:59Z"), SEC),
    case("us-sec-8k-105", "materiality 2026-01-16T15:00:00Z", Due("2026-01-24T04:59:59Z"), SEC),
    case("us-sec-8k-105", "materiality 2026-11-24T18:00:00Z", Due("2026-12-02T04:59:59Z"), SEC),
    case("us-sec-8k-105", "materiality 2027-12-30T18:00:00Z", Due("2028-01-07T04:59:59Z"), SEC),
    case("us-sec-8k-105", "materiality 2026-06-18T18:00:00Z", Due("2026-06-26T03:59:59Z"), SEC),
    case("br-lgpd-anpd", "awareness 2026-11-13T15:00:00Z", Due("2026-11-19T02:59:59Z"), BRAZIL),
    case("br-lgpd-anpd", "awareness 2026-11-18T12:00:00Z", Due("2026-11-25T02:59:59Z"), BRAZIL),
    case("br-lgpd-anpd", "awareness 2026-04-01T12:00:00Z", Due("2026-04-08T02:59:59Z"), BRAZIL),
    case("br-lgpd-anpd", "awareness 2026-02-13T12:00:00Z", Due("2026-02-19T02:59:59Z"), "the same: Carnival is no national holiday by law"),
    case("br-lgpd-individuals", "awareness 2023-11-17T12:00:00Z", Due("2023-11-23T02:59:59Z"), "the same: 20 November was no national holiday before Lei 14.759/2023"),
    case("us-vt-ag", "discovery 2026-02-20T15:00:00Z", Due("2026-03-14T03:59:59Z"), VERMONT),
    case("us-vt-ag", "sent:us-vt-individuals 2026-08-10T15:00:00Z", Due("2026-09-01T03:59:59Z"), "the same: 16 August, a Sunday, is had on Monday; sooner than a discovery that nobody recorded"),
    case("us-vt-ag", "discovery 2026-08-12T15:00:00Z; sent:us-vt-individuals 2026-08-10T15:00:00Z", Due("2026-09-01T03:59:59Z"), "the same: whichever is sooner"),
    // Laws that changed.
    case("us-ca-individuals", "discovery 2025-12-31T20:00:00Z", NoFigure, "Cal. Civ. Code 1798.82(a) before SB 446"),
    case("us-ca-individuals", "discovery 2026-01-01T07:59:59Z", NoFigure, "the same: 23:59:59 on 31 December in Los Angeles"),
    case("us-ca-individuals", "discovery 2026-01-01T08:00:00Z", Due("2026-02-01T07:59:59Z"), CALIFORNIA),
    case("us-ny-individuals", "discovery 2024-12-20T18:00:00Z", NoFigure, "N.Y. Gen. Bus. Law 899-aa(2) before 2024-12-21"),
    case("us-ny-individuals", "discovery 2024-12-21T18:00:00Z", Due("2025-01-21T04:59:59Z"), NEW_YORK),
    case("in-dpdp-board-72h", "awareness 2026-11-26T12:00:00Z", No, "DPDP Rules 2025: in force from 2027-05-14"),
    case("in-dpdp-board-72h", "awareness 2027-05-13T18:29:59Z", No, "the same: 23:59:59 on 13 May in India"),
    case("in-dpdp-board-72h", "awareness 2027-05-13T18:30:00Z", Due("2027-05-16T18:30:00Z"), "DPDP Rules 2025, rule 7(2)"),
    // More than is not at least.
    case("us-ca-ag", "discovery 2026-03-02T03:30:00Z; sent:us-ca-individuals 2026-03-20T18:00:00Z; people 500; US-CA 500", No, "Cal. Civ. Code 1798.82(f): more than 500"),
    case("us-ca-ag", "discovery 2026-03-02T03:30:00Z; sent:us-ca-individuals 2026-03-20T18:00:00Z; people 501; US-CA 501", Due("2026-04-05T06:59:59Z"), CALIFORNIA),
    case("us-ca-ag", "discovery 2026-03-02T03:30:00Z; people 501; US-CA 501", Waits, CALIFORNIA),
    case("us-ny-cra", "discovery 2026-03-02T03:30:00Z; people 5000; US-NY 5000", No, "N.Y. Gen. Bus. Law 899-aa(8)(b): more than 5,000"),
    case("us-ny-cra", "discovery 2026-03-02T03:30:00Z; people 5001; US-NY 5001", NoFigure, "the same"),
    case("us-fl-dla", "determination 2026-05-01T12:00:00Z; people 499; US-FL 499", No, "Fla. Stat. 501.171(3): 500 or more"),
    case("us-fl-dla", "determination 2026-05-01T12:00:00Z; people 500; US-FL 500", Due("2026-06-01T03:59:59Z"), "Fla. Stat. 501.171(3): 30 days"),
    case("us-hipaa-media", "discovery 2026-06-01T15:00:00Z; people 900; US-CA 500; US-NV 400", No, "45 CFR 164.406(a): more than 500 residents of one state"),
    case("us-hipaa-media", "discovery 2026-06-01T15:00:00Z; people 900; US-CA 501; US-NV 399", Due("2026-08-01T03:59:59Z"), "the same"),
    case("us-ftc-safeguards", "discovery 2026-06-01T15:00:00Z; people 500; class customer", Due("2026-07-02T03:59:59Z"), "16 CFR 314.4(j): at least 500 consumers, 30 days"),
    // Where people live.
    case("us-ca-individuals", "discovery 2026-03-02T03:30:00Z; people 10; DE 10", No, "Cal. Civ. Code 1798.82(a): residents of California"),
    case("us-ca-individuals", "discovery 2026-03-02T03:30:00Z; people 12; DE 11; elsewhere unknown", Due("2026-04-01T06:59:59Z"), CALIFORNIA),
    case("us-ca-ag", "sent:us-ca-individuals 2026-03-20T18:00:00Z; people 1..12; elsewhere unknown", No, "the same: not more than 12 people in all"),
    // Which of two notices comes first.
    case("us-md-ag", "discovery 2026-03-02T15:00:00Z", Due("2026-04-17T03:59:59Z"), "Md. Com. Law 14-3504(h): before residents are told, who have to be told in 45 days"),
    case("us-md-ag", "discovery 2026-03-02T15:00:00Z; sent:us-md-individuals 2026-03-10T15:00:00Z", Due("2026-03-10T15:00:00Z"), "the same: when residents were told it was due"),
    case("us-md-ag", "suspicion 2026-03-02T15:00:00Z", Waits, "the same"),
    case("us-de-ag", "determination 2026-03-02T15:00:00Z; people 501; US-DE 501", Due("2026-05-02T03:59:59Z"), "6 Del. C. 12B-102(d): not later than residents, 60 days"),
    case("us-de-ag", "determination 2026-03-02T15:00:00Z; people 500; US-DE 500", No, "the same: more than 500"),
    case("us-pa-ag", "determination 2026-03-02T15:00:00Z; sent:us-pa-individuals 2026-03-20T15:00:00Z", Due("2026-03-20T15:00:00Z"), "73 P.S. 2301 and following: concurrently with residents, for whom there is no figure"),
    case("us-mt-ag", "discovery 2026-03-02T15:00:00Z", NoFigure, "Mont. Code 30-14-1704: simultaneously with residents, for whom there is no figure"),
    case("us-la-ag", "sent:us-la-individuals 2026-03-20T15:00:00Z", Due("2026-03-31T04:59:59Z"), "La. Admin. Code 16:III.701: 10 days after the notice"),
    case("us-ok-ag", "sent:us-ok-individuals 2026-03-20T15:00:00Z; people 500; US-OK 500", Due("2026-05-20T04:59:59Z"), "24 O.S. 162 and following: 60 days after the notice, 500 or more"),
    case("us-ok-ag", "sent:us-ok-individuals 2025-12-20T15:00:00Z; people 500; US-OK 500", No, "the same: SB 626 is in force from 2026-01-01"),
    // Nobody read the law: shown, never run.
    case("ca-pipeda-opc", "determination 2026-03-02T15:00:00Z", Unarmed, "S.C. 2000, c. 5, s. 10.1; not verified"),
    case("us-ak-individuals", "discovery 2026-03-02T15:00:00Z", Unarmed, "Alaska Stat. 45.48.010; not verified"),
    case("us-ak-individuals", "discovery 2026-03-02T15:00:00Z; armed", NoFigure, "the same, said by name"),
];

#[test]
fn every_worked_case_comes_out() {
    let catalogue = Catalogue::parse(Catalogue::DEFAULT).unwrap();
    let mut wrong = Vec::new();
    for Worked { obligation, facts, expected, source } in WORKED {
        let facts_of = Facts::read(facts, obligation);
        let standing = catalogue.standing(obligation, &facts_of.case()).unwrap_or_else(|| panic!("no {obligation}"));
        let comes_out = match (&standing.holds, expected) {
            (Holds::Running(running), Due(due)) => running.due_at == Some(at(due)),
            (Holds::Running(running), NoFigure) => running.due_at.is_none(),
            (Holds::Waiting(_), Waits) | (Holds::Inapplicable(_), No) | (Holds::Unarmed(_), Unarmed) => true,
            _ => false,
        };
        if !comes_out {
            wrong.push(format!("{obligation} | {facts} | {:?} | {source}", standing.holds));
        }
        assert!(!source.is_empty());
    }
    assert!(wrong.is_empty(), "{} of {} came out otherwise:\n{}", wrong.len(), WORKED.len(), wrong.join("\n"));
    assert!(WORKED.len() >= 60);
}

/// A limit ends at the first moment at which it is over: no case ends before it starts.
#[test]
fn no_limit_ends_before_it_starts() {
    let catalogue = Catalogue::parse(Catalogue::DEFAULT).unwrap();
    for Worked { facts, obligation, .. } in WORKED {
        let facts_of = Facts::read(facts, obligation);
        for standing in catalogue.standings(&facts_of.case()) {
            let Some(running) = standing.running() else { continue };
            // An order is the exception: a notice that should have come before another is late from the start.
            let late = standing.obligation.order.is_some();
            assert!(late || running.due_at.is_none_or(|due| due > running.starts_at), "{standing:?}");
            assert!(!running.reckoning.is_empty());
        }
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

#[derive(Default)]
pub(crate) struct Facts {
    classes: DataClasses,
    moments: BTreeMap<Moment, Timestamp>,
    sent: BTreeMap<String, Timestamp>,
    people: People,
    armed: BTreeSet<String>,
}

impl Facts {
    pub(crate) fn read(text: &str, obligation: &str) -> Facts {
        let mut facts = Facts { people: People::unknown(), ..Facts::default() };
        let mut classes = DataClasses::from(DataClass::Hr);
        for fact in text.split(';').map(str::trim) {
            let (word, value) = fact.split_once(' ').unwrap_or((fact, ""));
            match word {
                "armed" => drop(facts.armed.insert(obligation.into())),
                "class" => classes = DataClasses::from(DataClass::parse(value).unwrap()),
                "people" => {
                    let (lower, upper) = value.split_once("..").unwrap_or((value, value));
                    facts.people.total = Headcount::between(lower.parse().unwrap(), upper.parse().unwrap());
                    facts.people.unlocated = Headcount::exactly(0);
                }
                "elsewhere" => facts.people.unlocated = Headcount::UNKNOWN,
                _ if word.starts_with("sent:") => drop(facts.sent.insert(word[5..].into(), at(value))),
                _ => match Moment::parse(word) {
                    Some(moment) => drop(facts.moments.insert(moment, at(value))),
                    None => {
                        assert!(word.len() == 2 || word.starts_with("US-"), "unknown fact `{fact}`");
                        let n = Headcount::exactly(value.parse().unwrap());
                        facts.people.residents.insert(word.into(), n);
                    }
                },
            }
        }
        Facts { classes, ..facts }
    }

    pub(crate) fn case(&self) -> Case<'_> {
        Case {
            classes: self.classes,
            moments: &self.moments,
            sent: &self.sent,
            people: &self.people,
            armed_anyway: &self.armed,
        }
    }
}
