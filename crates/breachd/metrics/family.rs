//! One metric with its series, and the bound on them.

use super::names::MetricSpec;
use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};
use std::{
    collections::{BTreeMap, HashSet},
    sync::{PoisonError, RwLock},
};

/// Most series of one metric; the biggest known set, `breachd_alerts_total`, has 8 per detector.
pub const SERIES_MAX: usize = 1_000;

/// One metric and the series it has; at most [`SERIES_MAX`].
pub(super) struct Family<V> {
    vec: V,
    /// The label values that are shown. A short critical section: nothing else is done under the lock.
    shown: RwLock<HashSet<Vec<String>>>,
    refused: IntCounter,
}

pub(super) type Counters = Family<IntCounterVec>;
pub(super) type Gauges = Family<IntGaugeVec>;
pub(super) type SecondsGauges = Family<GaugeVec>;
pub(super) type Histograms = Family<HistogramVec>;

impl<B: MetricVecBuilder> Family<MetricVec<B>> {
    pub(super) fn at(&self, labels: &[&str]) -> B::M {
        if self.admits(labels) {
            return self.vec.with_label_values(labels);
        }
        self.refused.inc();
        self.vec.with_label_values(&vec!["other"; labels.len()])
    }

    fn admits(&self, labels: &[&str]) -> bool {
        let key: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        if self.shown.read().unwrap_or_else(PoisonError::into_inner).contains(&key) {
            return true;
        }
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        // The last place is kept for `other`.
        let room = shown.len() < SERIES_MAX - 1;
        if room {
            shown.insert(key);
        }
        room
    }
}

impl SecondsGauges {
    pub(super) fn set_or_remove(&self, labels: &[&str], value: Option<f64>) {
        match value {
            Some(value) => self.at(labels).set(value),
            None => self.remove(labels),
        }
    }

    /// Shows these values of the only label, and no others.
    pub(super) fn replace(&self, values: &BTreeMap<&str, f64>) {
        let shown: Vec<Vec<String>> =
            self.shown.read().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        for label in shown.iter().flatten().filter(|label| !values.contains_key(label.as_str())) {
            self.remove(&[label]);
        }
        for (label, value) in values {
            self.at(&[label]).set(*value);
        }
    }

    fn remove(&self, labels: &[&str]) {
        let key: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        if self.shown.write().unwrap_or_else(PoisonError::into_inner).remove(&key) {
            self.vec.remove_label_values(labels).expect("what is shown is there");
        }
    }
}

/// Makes families from their specification, all in one registry.
pub(super) struct Register<'a> {
    pub(super) registry: &'a Registry,
    pub(super) refused: &'a IntCounter,
}

impl Register<'_> {
    pub(super) fn counters(&self, spec: &MetricSpec) -> Counters {
        self.family(counters(spec))
    }

    pub(super) fn gauges(&self, spec: &MetricSpec) -> Gauges {
        self.family(IntGaugeVec::new(Opts::new(spec.name, spec.help), spec.labels).expect(FIT))
    }

    pub(super) fn seconds(&self, spec: &MetricSpec) -> SecondsGauges {
        self.family(GaugeVec::new(Opts::new(spec.name, spec.help), spec.labels).expect(FIT))
    }

    /// Bounds from a second to a day: pages take seconds, digests and replays of a backlog hours.
    pub(super) fn histograms(&self, spec: &MetricSpec) -> Histograms {
        let bounds = vec![1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 21_600.0, 86_400.0];
        let opts = HistogramOpts::new(spec.name, spec.help).buckets(bounds);
        self.family(HistogramVec::new(opts, spec.labels).expect(FIT))
    }

    pub(super) fn family<V: Collector + Clone + 'static>(&self, vec: V) -> Family<V> {
        self.registry.register(Box::new(vec.clone())).expect("each specification is registered once");
        Family { vec, shown: RwLock::default(), refused: self.refused.clone() }
    }
}

const FIT: &str = "the names and labels above are valid";

pub(super) fn counters(spec: &MetricSpec) -> IntCounterVec {
    IntCounterVec::new(Opts::new(spec.name, spec.help), spec.labels).expect(FIT)
}
