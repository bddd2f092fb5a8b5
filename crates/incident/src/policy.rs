//! Who has to know, and what the policy stands in for until a person decides.
//!
//! [`Settings`] is what was written, [`Policy`] what it means: checked, with its obligations looked up.

mod conditions;
mod contacts;
mod settings;

use crate::{Incident, daily::Plan, limits, located};
use activity::{DataClass, DataClasses, Span};
pub(crate) use conditions::CONDITIONS;
pub use contacts::Contacts;
use detector::Residents;
use law::Catalogue;
pub(crate) use settings::span;
pub use settings::{
    AwarenessSettings, DigestSettings, DraftRule, EscalationSettings, FallbackSettings, FiguresShown,
    JurisdictionSettings, NoticeSettings, PeopleAtMost, Settings, Target, Trigger,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A checked policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    settings: Settings,
    /// The obligations that apply.
    law: Catalogue,
    /// `None`: nobody gets a daily digest.
    digest: Option<Plan>,
    /// Where people live, as of now.
    residents: Arc<Residents>,
    /// Of which somebody asks how many.
    places_asked: BTreeSet<String>,
    /// `None`: nobody is known by name.
    contacts: Option<Contacts>,
}

/// Why and how a channel is to be told of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub because: String,
    /// How long a notice waits for somebody to stop it.
    pub hold: Span,
    pub may_stop: Vec<String>,
    /// What its recipient is told before anything else.
    pub wording: Option<String>,
}

impl Policy {
    /// Errors: every mistake, as (key path, problem).
    pub fn new(settings: Settings, catalogue: &Catalogue) -> Result<Self, Vec<(String, String)>> {
        let mut mistakes = settings.check();
        let law = catalogue.only(|obligation| settings.jurisdictions.applies(&obligation.id));
        mistakes.extend(wrong_obligations(&settings.jurisdictions, catalogue, &law));
        for (at, rule) in settings.drafts.iter().enumerate() {
            let wrong = rule.check_law(&law).into_iter();
            mistakes.extend(wrong.map(|(key, problem)| (format!("drafts[{at}].{key}"), problem)));
        }
        let digest = match Plan::new(&settings.digest) {
            Ok(plan) => (!settings.digest.channels.is_empty()).then_some(plan),
            Err(wrong) => {
                mistakes.extend(wrong.into_iter().map(|(key, problem)| (format!("digest.{key}"), problem)));
                None
            }
        };
        if mistakes.is_empty() {
            let (residents, places_asked) = (Arc::default(), BTreeSet::new());
            Ok(Policy { settings, law, digest, residents, places_asked, contacts: None })
        } else {
            Err(mistakes)
        }
    }

    /// The same with this directory: what is counted from now on is counted by it.
    #[must_use]
    pub fn with_residents(self, residents: Arc<Residents>) -> Self {
        Policy { places_asked: located::asked(&self.law, &residents), residents, ..self }
    }

    /// With people who can be called. Errors: what of the settings does not fit them, as (key path, problem).
    pub fn with_contacts(mut self, contacts: Option<Contacts>) -> Result<Self, Vec<(String, String)>> {
        if let Some(name) = &self.settings.escalation.policy {
            let wrong = |problem: String| Err(vec![("escalation.policy".to_owned(), problem)]);
            match &contacts {
                None => return wrong("names a policy of the file of contacts: write `[contacts] file`".into()),
                Some(contacts) if contacts.book.policy(name).is_none() => {
                    return wrong(format!("there is no policy `{name}` in the file of contacts"));
                }
                Some(_) => {}
            }
        }
        self.contacts = contacts;
        Ok(self)
    }

    pub fn contacts(&self) -> Option<&Contacts> {
        self.contacts.as_ref()
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn residents(&self) -> &Residents {
        &self.residents
    }

    pub(crate) fn places_asked(&self) -> &BTreeSet<String> {
        &self.places_asked
    }

    /// When the daily digest is due and what of it is told, if anybody gets it.
    pub(crate) fn digest(&self) -> Option<(&Plan, &DigestSettings)> {
        Some((self.digest.as_ref()?, &self.settings.digest))
    }

    /// What an obligation's draft goes by; `None`: it gets one only if a person asks.
    pub fn draft_rule(&self, obligation: &str) -> Option<&DraftRule> {
        self.settings.drafts.iter().find(|rule| rule.names(obligation))
    }

    /// Whether any of them depends on how many people are concerned.
    pub(crate) fn counts_people(&self) -> bool {
        let depends = |of: &law::Obligation| !of.thresholds.is_empty() || !of.residents_of.is_empty();
        self.law.obligations().iter().any(depends)
    }

    /// The obligations that apply to us.
    pub fn law(&self) -> &Catalogue {
        &self.law
    }

    /// Every channel that has to know of this incident. All matching triggers count; of several for one channel the
    /// shortest hold wins, and the first wording. If none matches but subscriptions of third parties, the fallback channels, too: an incident
    /// of which nobody of ours hears is the one outcome that is certainly wrong.
    pub fn routes(&self, incident: &Incident) -> BTreeMap<String, Route> {
        let mut routes: BTreeMap<String, Route> = BTreeMap::new();
        let mut heard = false;
        for (at, trigger) in self.settings.triggers.iter().enumerate() {
            let Some(because) = trigger.matches(incident) else { continue };
            let because = format!("trigger {}: {because}", at + 1);
            heard |= !trigger.subscription;
            for channel in &trigger.channels {
                if trigger.subscription && routes.contains_key(channel) {
                    continue;
                }
                let (because, hold, may_stop) = (because.clone(), trigger.hold, trigger.may_stop.clone());
                let wording = trigger.wording.as_ref().and_then(|name| self.settings.wordings.get(name)).cloned();
                let mut route = Route { because, hold, may_stop, wording };
                match routes.get_mut(channel) {
                    Some(other) => {
                        let wording = other.wording.take().or(route.wording.take());
                        if route.hold < other.hold {
                            *other = route;
                        }
                        other.wording = wording;
                    }
                    None => drop(routes.insert(channel.clone(), route)),
                }
            }
        }
        if !heard {
            let because = "no trigger matches".into();
            let route = Route { because, hold: Span::ZERO, may_stop: Vec::new(), wording: None };
            for channel in &self.settings.fallback.channels {
                routes.entry(channel.clone()).or_insert_with(|| route.clone());
            }
        }
        routes
    }

    /// Why the policy holds that we are aware of this incident; `None`: it does not.
    pub fn awareness(&self, incident: &Incident) -> Option<String> {
        let awareness = &self.settings.awareness;
        let meant = awareness.enabled
            && incident.severity >= awareness.severity_at_least
            && meets(&awareness.data_classes, incident.data_classes);
        meant.then(|| {
            format!(
                "policy: severity {} and data of class {}; provisional until a person gives a verdict",
                incident.severity.as_str(),
                names(incident.data_classes)
            )
        })
    }

    /// The internal target where the law gives no figure.
    pub fn target(&self, obligation: &str) -> Span {
        let jurisdictions = &self.settings.jurisdictions;
        jurisdictions.targets.get(obligation).map_or(jurisdictions.internal_target, |target| target.0)
    }
}

/// Names in `[jurisdictions]` that mean nothing, as (key path, problem).
fn wrong_obligations(written: &JurisdictionSettings, all: &Catalogue, law: &Catalogue) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for (at, name) in written.applicable.iter().enumerate() {
        if !all.obligations().iter().any(|obligation| settings::matches(name, &obligation.id)) {
            let problem = format!("there is no obligation `{name}` in the file of jurisdictions");
            wrong.push((format!("jurisdictions.applicable[{at}]"), problem));
        }
    }
    for (id, other) in law.left_out() {
        let problem = format!("`{id}` hangs on `{other}`: write that as well");
        wrong.push(("jurisdictions.applicable".into(), problem));
    }
    let targets = written.targets.keys().map(|id| (format!("jurisdictions.targets.{id}"), id));
    let armed = written.arm_unverified.iter().map(|id| ("jurisdictions.arm_unverified".to_owned(), id));
    for (key, id) in targets.chain(armed).filter(|(_, id)| law.get(id).is_none()) {
        wrong.push((key, format!("the obligation `{id}` is not among `applicable`")));
    }
    if law.obligations().len() > limits::OBLIGATIONS_MAX {
        wrong.push(("jurisdictions.applicable".into(), format!("more than {} obligations", limits::OBLIGATIONS_MAX)));
    }
    wrong
}

impl Trigger {
    /// What of it matches, in words; `None`: it does not.
    fn matches(&self, incident: &Incident) -> Option<String> {
        let fits = CONDITIONS.iter().all(|condition| (condition.met)(self, incident));
        fits.then(|| {
            format!(
                "severity {}, data of class {}, about {} records",
                incident.severity.as_str(),
                names(incident.data_classes),
                incident.affected_records
            )
        })
    }
}

/// Whether a list of classes (empty: any) is met.
pub(crate) fn meets(wanted: &[DataClass], classes: DataClasses) -> bool {
    wanted.is_empty() || wanted.iter().any(|class| classes.contains(*class))
}

/// `hr, payment`, or `none`.
pub(crate) fn names(classes: DataClasses) -> String {
    let names: Vec<_> = classes.iter().map(DataClass::as_str).collect();
    if names.is_empty() { DataClass::None.to_string() } else { names.join(", ") }
}
