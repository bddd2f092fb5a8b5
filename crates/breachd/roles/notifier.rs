//! The notifier role: alerts and commands in, decisions into the journal, notices out.
//!
//! One instance is active at a time: the owner of the only partition of `breachd.commands`. It folds the journal from its
//! start into a [`Casebook`], then goes on from the positions that the journal's last entries name. Each decision is
//! journaled together with the positions of what caused it, and nothing of it leaves before it is committed. So a crash at any
//! instant leaves the journal either with the decision and its position or with neither (the daily
//! digest, too, is made once a day because the journal says of which day the last one was), and
//! notices that are requested but have no final report are handed to the dispatcher again, under the same idempotency
//! key. A standby that takes over fences the old one by the transactional id; the old one's next commit fails and it ends.
//!
//! What one look at the topics brought is one transaction ([`Batch`]): a commit waits for the broker, and one for each of 10,000
//! alerts a minute would leave the page about the last of them waiting for all the others'. The price: in memory a
//! decision is applied before it is committed, so after a commit that fails for good the casebook is worth nothing. The role then
//! ends, and whoever takes over folds the journal.
//! Signed checkpoints of the journal ([`crate::checkpoints`]) are written in the same transactions. A journal that does not agree with the
//! last one, because it was cut off, rolled back or written anew, is refused like one whose chain is broken.
//! In memory persons have their names; tokens take their places on the way to the journal ([`crate::persons`]). After an erasure the role
//! folds the journal anew, since what it has in memory still knows the name.

use super::{RoleError, mailing::Mailings};
use crate::cli::RoleName as Role;
use crate::{
    checkpoints::{self, Pace},
    context::Context,
    crash::Point,
    erase,
    persons::{self, Persons, State},
    probes::{self, Trials},
    settings::{Settings, limits},
    wall,
};
use detector::{Alert, Directory, Residents};
use incident::{Action, Casebook, Command, Decision, DeliveryReport, Notice, NoticeKind, Policy, Refusal};
use journal::{Audit, Chain, Entry, Tree};
use notifier::{Dispatcher, Submission};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Instant};
use stream::{CommitError, GroupSpec, Member, Outgoing, Polled, Reader, Start, Transactor};
use tokio::sync::mpsc;

/// Next offset to read per `topic/partition`, as the journal's entries carry them.
type Positions = BTreeMap<String, i64>;

struct Active<'a> {
    context: &'a Context,
    transactor: Box<dyn Transactor>,
    chain: Chain,
    /// Over the lines that the chain links.
    tree: Tree,
    pace: Pace,
    casebook: Casebook,
    positions: Positions,
    alerts: Box<dyn Reader>,
    /// `None` only while draining.
    dispatcher: Option<Dispatcher>,
    reports: mpsc::Receiver<DeliveryReport>,
    /// Handed to each new dispatcher.
    reporter: mpsc::Sender<DeliveryReport>,
    /// What the dispatcher runs on.
    settings: Arc<Settings>,
    /// Since when a channel's queue has had no room for a notice.
    full_since: Option<Instant>,
    /// Version of the directory that the policy counts people by.
    people_seen: u64,
    persons: Persons,
    trials: Trials,
    /// Somebody was erased: what is in memory still names him.
    stale: bool,
    mailings: Mailings,
}

/// Decisions that are applied and not yet journaled, in their order.
#[derive(Default)]
struct Batch {
    decisions: Vec<Decision>,
    /// What was reached with each.
    positions: Vec<Positions>,
}

/// What the journal says so far.
pub struct Folded {
    pub chain: Chain,
    pub tree: Tree,
    /// After the last checkpoint.
    pub pace: Pace,
    pub casebook: Casebook,
    pub positions: Positions,
    pub persons: Persons,
}

pub fn run(context: &Context) -> Result<(), RoleError> {
    let mut member = context.broker.join(GroupSpec {
        group: context.group("notifier"),
        instance: Some(context.settings.instance.clone()),
        topics: vec![context.topics.commands()],
        start: Start::Beginning,
    })?;
    let mut active: Option<Active<'_>> = None;
    let mut commands = Vec::new();
    context.ready(Role::Notifier);
    while !context.stop.requested() {
        context.heartbeat(Role::Notifier);
        let wait = if active.is_some() { limits::NOTIFIER_WAIT } else { limits::POLL_WAIT };
        let polled = member.poll(limits::POLL_COMMANDS, wait, &mut |record| {
            commands.push((record.offset, record.payload.unwrap_or_default().to_vec()));
        })?;
        match polled {
            Polled::Rebalanced if member.assignment().is_empty() => {
                tracing::info!("standing by: another instance notifies");
                context.metrics.contact_review_due(None);
                context.metrics.probes(&BTreeMap::new());
                active = None;
            }
            Polled::Rebalanced => active = Active::take_over(context, member.as_mut())?,
            Polled::Records(_) | Polled::Idle => {}
        }
        let pending = std::mem::take(&mut commands);
        let mut renewed = false;
        if let Some(active) = &mut active {
            let latest = context.latest();
            if !Arc::ptr_eq(&latest, &active.settings) {
                active.reload(latest)?;
            }
            active.take_directory()?;
            active.resubmit();
            active.round(pending)?;
            if active.stale {
                active.end_dispatcher(limits::RELOAD_DRAIN)?;
                active.cut_mailings()?;
                tracing::info!("a person was erased: the journal is folded anew");
                renewed = true;
            }
        }
        if renewed {
            drop(active.take());
            active = Active::take_over(context, member.as_mut())?;
        }
    }
    if let Some(active) = active {
        active.drain()?;
    }
    tracing::info!(role = %Role::Notifier, "stopped");
    Ok(())
}

/// Reads the journal from its start and folds it; refuses a journal whose chain is broken, and one that does not agree with the last
/// checkpoint. `None`: the word to stop came first.
pub fn fold(context: &Context) -> Result<Option<Folded>, RoleError> {
    let topic = context.topics.journal();
    // Before the journal: what a checkpoint covers is visible as soon as the checkpoint is.
    let latest = checkpoints::latest(context.broker.as_ref(), &context.topics, &context.latest().journal_keys)?;
    let mut reader = context.broker.read(&[(&topic, Vec::new())])?;
    let mut audit = Audit::new(&latest);
    let mut folded = Folded {
        chain: Chain::new(),
        tree: Tree::new(),
        pace: Pace::after(latest.as_ref()),
        casebook: Casebook::new(Arc::clone(&context.policy)),
        positions: Positions::new(),
        persons: Persons::open(context.broker.as_ref(), &context.topics)?,
    };
    let mut unreadable = None;
    let mut broken = None;
    while !reader.caught_up() {
        if context.stop.requested() {
            return Ok(None);
        }
        // However long it is: as long as it is being read, the role lives.
        context.heartbeat(Role::Notifier);
        reader.poll(limits::POLL_RECORDS, limits::POLL_WAIT, &mut |record| {
            if broken.is_some() {
                return;
            }
            match audit.push(record.payload.unwrap_or_default()) {
                Ok(entry) => unreadable = folded.push(context, &entry).err().or(unreadable.take()),
                Err(finding) => broken = Some(finding),
            }
        })?;
    }
    if let Some(error) = unreadable {
        return Err(error.into());
    }
    if folded.persons.n_lost() > 0 {
        context.metrics.invariant_violation("persons_lost", folded.persons.n_lost());
    }
    let audited =
        broken.map_or_else(|| audit.finish(), Err).map_err(|finding| RoleError::JournalBroken(finding.to_string()))?;
    folded.tree = audited.tree;
    let keys = &context.latest().journal_keys;
    if keys.signing.is_some() && latest.is_none() && folded.tree.size() > 0 {
        tracing::error!(
            entries = folded.tree.size(),
            "no checkpoint vouches for the journal as it is: right after signing was set up, else somebody has emptied the topic of checkpoints"
        );
        context.metrics.invariant_violation("journal_unvouched", 1);
    }
    Ok(Some(folded))
}

impl Folded {
    fn push(&mut self, context: &Context, entry: &Entry) -> Result<(), stream::StreamError> {
        match Decision::from_json(&self.persons.unsealed(context.broker.as_ref(), entry)?) {
            Ok(decision) => self.casebook.apply(&decision),
            Err(error) => {
                tracing::warn!(seq = entry.seq, kind = %entry.kind, %error, "a journal entry of an unknown kind is kept and not applied")
            }
        }
        self.positions.extend(entry.positions.iter().map(|(place, offset)| (place.clone(), *offset)));
        self.chain = Chain::resume(journal::Head { seq: entry.seq, hash: entry.hash });
        Ok(())
    }
}

impl<'a> Active<'a> {
    /// `None`: the word to stop came before the journal was read.
    fn take_over(context: &'a Context, member: &mut dyn Member) -> Result<Option<Self>, RoleError> {
        // First fence whoever was active, then read: nothing can be appended behind our back.
        let transactor = context.broker.transactor(&format!("{}-notifier", context.topics.prefix()))?;
        let Some(Folded { chain, tree, pace, casebook, positions, persons }) = fold(context)? else { return Ok(None) };
        let next = |topic: &str, partition: i32| positions.get(&place(topic, partition)).copied();
        let commands = context.topics.commands();
        if let Some(offset) = next(&commands, 0) {
            member.rewind(&[(commands, 0, offset)])?;
        }
        let topic = context.topics.alerts();
        let n_partitions = context.broker.partitions(&topic)?.unwrap_or(1);
        let from = (0..i32::try_from(n_partitions).unwrap_or(1))
            .filter_map(|partition| Some((partition, next(&topic, partition)?)));
        let alerts = context.broker.read(&[(&topic, from.collect())])?;
        let (reporter, reports) = mpsc::channel(limits::REPORTS);
        let settings = context.latest();
        let dispatcher = dispatcher(context, &settings, &reporter)?;
        let unsent: Vec<_> = casebook.unsent().cloned().collect();
        tracing::info!(
            entries = chain.head().seq,
            incidents = casebook.incidents().count(),
            unsent = unsent.len(),
            "this instance notifies"
        );
        let mut active = Active {
            context,
            transactor,
            chain,
            tree,
            pace,
            casebook,
            positions,
            alerts,
            dispatcher: Some(dispatcher),
            reports,
            reporter,
            settings,
            full_since: None,
            people_seen: u64::MAX,
            persons,
            trials: Trials::default(),
            stale: false,
            mailings: Mailings::default(),
        };
        active.set_policy();
        active.measure_contacts();
        active.measure_probes();
        unsent.into_iter().for_each(|notice| active.submit(notice));
        // What a crash left undone is found by the first tick.
        active.tick()?;
        Ok(Some(active))
    }

    /// The policy of the settings, with the directory as its file says now.
    fn set_policy(&mut self) {
        let people = self.context.people.newer(&mut self.people_seen).unwrap_or_else(|| self.context.people.get());
        self.count_by(Policy::clone(&self.settings.policy()), &people);
    }

    /// Counts people by another directory, if there is one.
    fn take_directory(&mut self) -> Result<(), RoleError> {
        let Some(people) = self.context.people.newer(&mut self.people_seen) else { return Ok(()) };
        self.count_by(self.casebook.policy().clone(), &people);
        self.tick()
    }

    fn count_by(&mut self, policy: Policy, people: &Directory) {
        self.persons.know(people.logins());
        self.casebook.set_policy(Arc::new(policy.with_residents(Arc::new(Residents::of(people)))));
    }

    /// Takes a new configuration up: who has to know, how they are told. All of it, or nothing.
    fn reload(&mut self, settings: Arc<Settings>) -> Result<(), RoleError> {
        let before = std::mem::replace(&mut self.settings, settings);
        let next = match dispatcher(self.context, &self.settings, &self.reporter) {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "the new configuration is not taken up");
                self.context.metrics.reload_successful(false);
                self.context.reload((*before).clone());
                self.settings = self.context.latest();
                return Ok(());
            }
        };
        self.end_dispatcher(limits::RELOAD_DRAIN)?;
        // Of mailings that go on, what has no result is handed over again.
        let cut = self.mailings.cut(self.casebook.stopped_mailings(), wall::now());
        self.decide_now(cut)?;
        self.dispatcher = Some(next);
        if self.settings.journal_keys.signs_otherwise(&before.journal_keys) {
            self.pace = Pace::default();
        }
        self.set_policy();
        self.measure_contacts();
        self.measure_probes();
        let unsent: Vec<_> = self.casebook.unsent().cloned().collect();
        unsent.into_iter().for_each(|notice| self.submit(notice));
        let mails = self.mailings.again(self.casebook.mailings(), &self.settings.channels, wall::now());
        self.hand_over(mails);
        tracing::info!(
            "new triggers, channels, secrets and signature rules are in force; sources, detector and console change at a restart"
        );
        // What they change of incidents that are open: who has to know, what runs until when.
        self.tick()
    }

    /// Journals what the time, or another policy, has made necessary.
    fn tick(&mut self) -> Result<(), RoleError> {
        let decisions = self.casebook.tick(wall::now());
        self.decide_now(decisions)
    }

    /// Everything that is there now: commands, alerts, reports, and what time itself brings.
    fn round(&mut self, commands: Vec<(i64, Vec<u8>)>) -> Result<(), RoleError> {
        let mut batch = Batch::default();
        let topic = self.context.topics.commands();
        for (offset, payload) in commands {
            let decisions = match Command::from_json(&payload) {
                Ok(command) => self
                    .refuse_erasure(&command)
                    .and_then(|()| self.casebook.command(wall::now(), &command))
                    .unwrap_or_else(|refusal| vec![refusal.decision(&command, wall::now())]),
                Err(error) => {
                    tracing::warn!(%error, offset, "a command cannot be read");
                    Vec::new()
                }
            };
            let erased = decisions.iter().any(|decision| matches!(decision, Decision::PersonsErased { .. }));
            self.decide(&mut batch, decisions, [(place(&topic, 0), offset + 1)].into());
            if erased {
                // What comes next must not know the name; the commands behind this one are read again.
                return self.commit(batch);
            }
        }
        // Somebody waits for the answer; alerts that are still to come are not awaited.
        self.commit(std::mem::take(&mut batch))?;
        let mut alerts = Vec::new();
        self.alerts.poll(limits::POLL_ALERTS, limits::NOTIFIER_WAIT, &mut |record| {
            alerts.push((record.partition, record.offset, Alert::from_json(record.payload.unwrap_or_default())));
        })?;
        let topic = self.context.topics.alerts();
        for (partition, offset, alert) in alerts {
            let decisions = match alert {
                Ok(alert) => self.casebook.alert(wall::now(), &alert),
                Err(error) => {
                    tracing::error!(%error, partition, offset, "an alert cannot be read");
                    self.context.metrics.invariant_violation("alert_unreadable", 1);
                    Vec::new()
                }
            };
            self.decide(&mut batch, decisions, [(place(&topic, partition), offset + 1)].into());
        }
        self.take_reports(&mut batch);
        let ended = self.trials.ended(wall::now()).into_iter().collect();
        self.decide(&mut batch, ended, Positions::new());
        if let Some(dispatcher) = &self.dispatcher {
            let _inside = self.context.runtime.enter();
            self.trials.start(&self.settings, dispatcher, &self.casebook, wall::now());
        }
        if self.casebook.next_due().is_some_and(|due| due <= wall::now()) {
            let decisions = self.casebook.tick(wall::now());
            self.decide(&mut batch, decisions, Positions::new());
        }
        // The digest tells what there is: not before what was there at the take-over has been read.
        if self.alerts.caught_up() {
            let mut decisions = self.casebook.daily(wall::now());
            self.tell_checkpoint(&mut decisions);
            self.decide(&mut batch, decisions, Positions::new());
        }
        let (people, channels) = (self.context.people.get(), &self.settings.channels);
        let due = self.mailings.due(&self.casebook, &people, channels, wall::now());
        self.decide(&mut batch, due.decisions, Positions::new());
        self.commit(batch)?;
        self.hand_over(due.notices);
        if self.checkpoint_due(&self.tree, &[]) {
            self.journal(&Batch::default())?;
        }
        self.context.metrics.casebook(&self.casebook, wall::now());
        Ok(())
    }

    /// The casebook knows no tokens.
    fn refuse_erasure(&self, command: &Command) -> Result<(), Refusal> {
        match &command.action {
            Action::ErasePersons { tokens, .. } => erase::allowed(&self.casebook, self.persons.seals(), tokens),
            _ => Ok(()),
        }
    }

    /// Applies decisions, for what is decided next to see them; nothing leaves before [`commit`](Self::commit).
    fn decide(&mut self, batch: &mut Batch, decisions: Vec<Decision>, positions: Positions) {
        // Where nothing was decided, the position travels with the next decision. Reading it again after a crash decides nothing again.
        self.positions.extend(positions);
        for decision in decisions {
            self.casebook.apply(&decision);
            batch.decisions.push(decision);
            batch.positions.push(self.positions.clone());
        }
    }

    /// Applies and journals.
    fn decide_now(&mut self, decisions: Vec<Decision>) -> Result<(), RoleError> {
        let mut batch = Batch::default();
        self.decide(&mut batch, decisions, Positions::new());
        self.commit(batch)
    }

    /// Journals, then sends.
    fn commit(&mut self, batch: Batch) -> Result<(), RoleError> {
        if batch.decisions.is_empty() {
            return Ok(());
        }
        self.journal(&batch)?;
        self.context.metrics.journal_entries(batch.decisions.len() as u64);
        if batch.decisions.iter().any(|decision| matches!(decision, Decision::ContactAttested { .. })) {
            self.measure_contacts();
        }
        if batch.decisions.iter().any(|decision| matches!(decision, Decision::ProbeRecorded { .. })) {
            self.measure_probes();
        }
        for decision in batch.decisions {
            warn_of_revision(&decision);
            if let Decision::NoticeRequested { notice, .. } = decision {
                self.submit(*notice);
            }
        }
        Ok(())
    }

    /// The digest takes what the journal is before it to people's mailboxes, where nobody can rewrite it.
    fn tell_checkpoint(&self, decisions: &mut [Decision]) {
        let signed = self.settings.journal_keys.sign(&self.tree);
        let Some(checkpoint) = signed.filter(|_| self.tree.size() > 0) else { return };
        let line = checkpoint.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        for decision in decisions {
            if let Decision::NoticeRequested { notice, .. } = decision
                && notice.kind == NoticeKind::Digest
            {
                notice.checkpoint = Some(line.clone());
            }
        }
    }

    fn checkpoint_due(&self, tree: &Tree, decisions: &[Decision]) -> bool {
        self.settings.journal_keys.signing.is_some() && self.pace.due(&self.settings.audit, tree.size(), decisions)
    }

    /// Of what is configured.
    fn measure_probes(&self) {
        let tried = probes::scheduled(&self.settings);
        let last = self.casebook.probes().filter(|(probe, _)| tried.iter().any(|name| name == probe));
        let last = last.map(|(probe, record)| (probe, (record.passed, record.at)));
        self.context.metrics.probes(&last.collect());
    }

    /// When the first contact has to be attested again; one that never was: since always.
    fn measure_contacts(&self) {
        let reviews = self.casebook.reviews();
        let due = reviews.iter().map(|review| review.due_at.unwrap_or_default()).min();
        self.context.metrics.contact_review_due(due);
    }

    /// One transaction with all of them, and with a checkpoint if one is due. An aborted one has left nothing behind and is tried again.
    fn journal(&mut self, batch: &Batch) -> Result<(), RoleError> {
        let (bodies, mappings) = self.sealed(&batch.decisions)?;
        let mut aborted = String::new();
        for _ in 0..limits::JOURNAL_TRIES {
            let (mut chain, mut tree) = (self.chain.clone(), self.tree.clone());
            self.transactor.begin()?;
            for (token, person) in &mappings {
                self.send_keyed(self.context.topics.state(), Some(token), person.clone())?;
            }
            for ((decision, body), positions) in batch.decisions.iter().zip(&bodies).zip(&batch.positions) {
                let entry = chain.append(wall::now().as_millis(), decision.kind(), body.clone(), positions.clone());
                let line = entry.to_line();
                tree.push(line.as_bytes());
                self.send(self.context.topics.journal(), line)?;
            }
            let due = self.checkpoint_due(&tree, &batch.decisions);
            let checkpoint = if due { self.settings.journal_keys.sign(&tree) } else { None };
            let made = checkpoint.is_some();
            if let Some(checkpoint) = checkpoint {
                self.send(self.context.topics.checkpoints(), checkpoint.to_string())?;
            }
            self.context.crash.pass(Point::NotifierBeforeCommit);
            match self.transactor.commit(None) {
                Ok(()) => {
                    self.context.crash.pass(Point::NotifierAfterCommit);
                    if made {
                        self.pace.made(tree.size());
                    }
                    (self.chain, self.tree) = (chain, tree);
                    return Ok(());
                }
                Err(CommitError::Aborted(reason)) => {
                    tracing::warn!(%reason, "a decision's transaction was aborted; it is tried again");
                    aborted = reason;
                }
                Err(other) => return Err(other.into()),
            }
        }
        Err(RoleError::JournalAborted(aborted))
    }

    /// The bodies as they are journaled, and what has to be written to the topic of states beside them, in its order.
    fn sealed(&mut self, decisions: &[Decision]) -> Result<(Vec<Value>, Vec<State>), RoleError> {
        let (mut bodies, mut mappings) = (Vec::with_capacity(decisions.len()), Vec::new());
        for decision in decisions {
            let body = decision.to_json();
            let (body, new) =
                if self.settings.audit.seal_persons { self.persons.sealed(body)? } else { (body, Vec::new()) };
            bodies.push(body);
            mappings.extend(new);
            if let Decision::PersonsErased { tokens, .. } = decision {
                mappings.extend(tokens.iter().map(|token| persons::erasure(token)));
                self.stale = true;
            }
        }
        Ok((bodies, mappings))
    }

    /// Within the transaction.
    fn send(&mut self, topic: String, text: String) -> Result<(), RoleError> {
        self.send_keyed(topic, None, text)
    }

    fn send_keyed(&mut self, topic: String, key: Option<&String>, text: String) -> Result<(), RoleError> {
        let key = key.map(|key| key.clone().into_bytes());
        let message = Outgoing { topic, partition: Some(0), key, payload: text.into(), headers: Vec::new() };
        Ok(self.transactor.send(message)?)
    }

    /// Hands what is requested and has no room yet over again, now and then.
    fn resubmit(&mut self) {
        if self.full_since.is_none_or(|since| since.elapsed() < limits::RESUBMIT) {
            return;
        }
        self.full_since = None;
        let unsent: Vec<_> = self.casebook.unsent().cloned().collect();
        unsent.into_iter().for_each(|notice| self.submit(notice));
    }

    /// Hands a notice over; a full channel is no loss: the notice is requested in the journal, and handed over again.
    fn submit(&mut self, notice: Notice) {
        let Some(dispatcher) = &self.dispatcher else { return };
        let notice = self.settings.links().answerable(notice, self.settings.notices.link_base.as_deref());
        let (id, channel) = (notice.id.clone(), notice.channel.clone());
        if dispatcher.submit(notice) == Submission::Full {
            if self.full_since.is_none() {
                tracing::error!(notice = %id, %channel, "too many notices wait for this channel; this one is handed over again");
                self.context.metrics.invariant_violation("notice_not_queued", 1);
            }
            self.full_since.get_or_insert_with(Instant::now);
        }
    }

    /// Mails of mailings, whose batch is journaled. There is always room: at most a batch of each mailing is on its way.
    fn hand_over(&self, mails: Vec<Notice>) {
        let Some(dispatcher) = &self.dispatcher else { return };
        for mail in mails {
            let id = mail.id.clone();
            if dispatcher.submit(mail) == Submission::Full {
                tracing::error!(notice = %id, "a mail of a mailing found no room");
                self.context.metrics.invariant_violation("notice_not_queued", 1);
            }
        }
    }

    /// Bounded: what is not delivered by then is requested in the journal and goes out at the next start.
    fn drain(mut self) -> Result<(), RoleError> {
        self.end_dispatcher(limits::DRAIN)?;
        self.cut_mailings()
    }

    /// After the dispatcher has ended: what it brought is journaled, and the rest is handed over at the next start.
    fn cut_mailings(&mut self) -> Result<(), RoleError> {
        let mailings = self.casebook.mailings().chain(self.casebook.stopped_mailings());
        let cut = self.mailings.cut(mailings, wall::now());
        self.decide_now(cut)
    }

    fn end_dispatcher(&mut self, within: std::time::Duration) -> Result<(), RoleError> {
        let Some(dispatcher) = self.dispatcher.take() else { return Ok(()) };
        let (sender, receiver) = std::sync::mpsc::channel();
        self.context.runtime.spawn(async move { sender.send(dispatcher.drain(within).await) });
        // Reports are journaled while the channels end, or the channels would wait for room.
        let left = loop {
            self.journal_reports()?;
            match receiver.recv_timeout(limits::NOTIFIER_WAIT) {
                Ok(left) => break left,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break 0,
            }
        };
        self.journal_reports()?;
        if left > 0 {
            tracing::warn!(left, "notices are still unsent; they are handed over again");
        }
        Ok(())
    }

    /// As many as may wait: while these are taken, more may come.
    fn take_reports(&mut self, batch: &mut Batch) {
        for _ in 0..limits::REPORTS {
            let Ok(report) = self.reports.try_recv() else { break };
            self.context.crash.pass(Point::NotifierAfterReport);
            if self.mailings.take(&report) {
                continue;
            }
            let decisions = self.casebook.delivery(&report);
            self.decide(batch, decisions, Positions::new());
        }
    }

    fn journal_reports(&mut self) -> Result<(), RoleError> {
        let mut batch = Batch::default();
        self.take_reports(&mut batch);
        self.commit(batch)
    }
}

/// Another file of obligations has changed a time limit that runs.
fn warn_of_revision(decision: &Decision) {
    if let Decision::DeadlineArmed { incident, deadline, .. } = decision
        && let Some(change) = deadline.revision_in_words()
    {
        tracing::warn!(%incident, obligation = deadline.obligation, change, "a running time limit has changed");
    }
}

/// The channels of a configuration, started.
fn dispatcher(
    context: &Context,
    settings: &Settings,
    reporter: &mpsc::Sender<DeliveryReport>,
) -> Result<Dispatcher, RoleError> {
    let _inside = context.runtime.enter();
    let observer = Arc::new(context.metrics.clone());
    Dispatcher::start(&settings.notifier(), reporter.clone(), observer).map_err(RoleError::channel)
}

fn place(topic: &str, partition: i32) -> String {
    format!("{topic}/{partition}")
}
