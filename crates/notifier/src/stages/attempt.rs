//! Stage 4: one try. A time limit lies around every channel's own, and a panic in a channel is a failed try: one channel's
//! bug must not silence it, let alone the others.

use super::{
    classify::Failure,
    hold::{Job, Phase},
};
use crate::{
    ATTEMPT_MAX, REASON_CHARACTERS_MAX,
    channel::{AnyChannel, Confirmation, Receipt},
};
use incident::NoticeKind;

/// What one try brought.
#[derive(Debug)]
pub(crate) enum Tried {
    Sent(Result<Receipt, Failure>),
    Asked(Result<Confirmation, Failure>),
}

pub(crate) async fn attempt(channel: AnyChannel, job: Job) -> Tried {
    let guarded = async {
        match job.phase {
            // The configuration offers such a channel for no test; this keeps one from telling somebody else.
            Phase::Sending if job.notice.kind == NoticeKind::ContactTest && !channel.reaches_contacts() => {
                Tried::Sent(Err(Failure::refused("this kind of channel reaches no contact by an address")))
            }
            Phase::Sending => Tried::Sent(channel.send(&job.notice, job.attempts + 1).await),
            Phase::Confirming { .. } => Tried::Asked(channel.confirm(&job.notice).await),
        }
    };
    let tried = tokio::time::timeout(ATTEMPT_MAX, guarded).await;
    let tried = tried.unwrap_or_else(|_| match job.phase {
        Phase::Sending => Tried::Sent(Err(Failure::timed_out(ATTEMPT_MAX))),
        Phase::Confirming { .. } => Tried::Asked(Err(Failure::timed_out(ATTEMPT_MAX))),
    });
    match tried {
        Tried::Sent(Ok(receipt)) => Tried::Sent(Ok(Receipt(presentable(&channel, &receipt.0)))),
        Tried::Sent(Err(failure)) => Tried::Sent(Err(blanked(&channel, failure))),
        Tried::Asked(Ok(Confirmation::Shown(receipt))) => {
            Tried::Asked(Ok(Confirmation::Shown(Receipt(presentable(&channel, &receipt.0)))))
        }
        Tried::Asked(Err(failure)) => Tried::Asked(Err(blanked(&channel, failure))),
        asked => asked,
    }
}

/// What a try that panicked brought.
pub(crate) fn panicked(sending: bool) -> Tried {
    let failure = Failure::passing("the channel failed in itself: please report this with the log");
    if sending { Tried::Sent(Err(failure)) } else { Tried::Asked(Err(failure)) }
}

pub(crate) fn blanked(channel: &AnyChannel, failure: Failure) -> Failure {
    Failure { reason: presentable(channel, &failure.reason), ..failure }
}

/// Without secrets, printable, and short: a service's words are as hostile as a log's.
fn presentable(channel: &AnyChannel, text: &str) -> String {
    let blanked = channel.secrets().iter().fold(text.to_owned(), |text, secret| secret.redact(&text));
    activity::printable_within(&blanked, REASON_CHARACTERS_MAX)
}
