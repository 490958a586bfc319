//! The promises of a [`Sequencer`](super::Sequencer), each a schedule of events and what they must
//! lead to.

use super::sequencer_kit::*;

#[test]
fn what_may_be_in_flight() {
    play(
        "the first batch under an identity travels alone, and so does its retry",
        true,
        &[
            (Seal(2), "sent 0: epoch 0, #0, 2 records"),
            (Seal(1), "no"),
            (Told(0, Unknown), ""),
            (Seal(1), "no"),
            (Resend, "sent 0: epoch 0, #0, 2 records"),
            (Resend, "no"),
            (Seal(1), "no"),
            (Told(0, Written), "0 written"),
            (Seal(1), "sent 1: epoch 0, #2, 1 records"),
        ],
    );
    play_established(
        "then five are in flight at most, whatever the settings say",
        &[
            (Seal(2), "sent 1: epoch 0, #1, 2 records"),
            (Seal(1), "sent 2: epoch 0, #3, 1 records"),
            (Seal(3), "sent 3: epoch 0, #4, 3 records"),
            (Seal(1), "sent 4: epoch 0, #7, 1 records"),
            (Seal(1), "sent 5: epoch 0, #8, 1 records"),
            (Seal(1), "no"),
            (Told(3, Written), "3 written"),
            (Seal(1), "sent 6: epoch 0, #9, 1 records"),
            (Seal(1), "no"),
        ],
    );
    play_established(
        "retries go in order, before anything new, and as they were",
        &[
            (Seal(2), "sent 1: epoch 0, #1, 2 records"),
            (Seal(1), "sent 2: epoch 0, #3, 1 records"),
            (Told(2, Unknown), ""),
            (Seal(1), "no"),
            (Told(1, NotWritten), ""),
            (Resend, "sent 1: epoch 0, #1, 2 records"),
            (Seal(1), "no"),
            (Resend, "sent 2: epoch 0, #3, 1 records"),
            (Seal(1), "sent 3: epoch 0, #4, 1 records"),
        ],
    );
    play_established(
        "behind the last number comes 0",
        &[
            (Wrap, ""),
            (Seal(2), "sent 1: epoch 0, #2147483647, 2 records"),
            (Seal(1), "sent 2: epoch 0, #1, 1 records"),
        ],
    );
}

#[test]
fn what_is_different_without_numbers() {
    play(
        "without idempotence the window is the settings', and a failure holds up nothing",
        false,
        &[
            (Seal(1), "sent 0: no numbers, 1 records"),
            (Seal(1), "sent 1: no numbers, 1 records"),
            (Seal(1), "sent 2: no numbers, 1 records"),
            (Seal(1), "sent 3: no numbers, 1 records"),
            (Seal(1), "sent 4: no numbers, 1 records"),
            (Seal(1), "sent 5: no numbers, 1 records"),
            (Seal(1), "sent 6: no numbers, 1 records"),
            (Seal(1), "no"),
            (Told(1, Refused), "1 refused"),
            (Go, "goes on"),
            (Told(2, NotWritten), ""),
            (Seal(1), "no"),
            (Resend, "sent 2: no numbers, 1 records"),
            (Seal(1), "sent 7: no numbers, 1 records"),
        ],
    );
}

#[test]
fn what_closes_a_hole_in_the_numbers() {
    play_established(
        "a clean hole: those behind it close up, and keep their epoch",
        &[
            (Seal(2), "sent 1: epoch 0, #1, 2 records"),
            (Seal(1), "sent 2: epoch 0, #3, 1 records"),
            (Seal(4), "sent 3: epoch 0, #4, 4 records"),
            (Told(1, Refused), "1 refused"),
            (Seal(1), "no"),
            (Go, "waits"),
            (Told(2, OutOfOrder), ""),
            (Resend, "no"),
            (Told(3, OutOfOrder), ""),
            (Resend, "no"),
            (Go, "goes on"),
            (Resend, "sent 2: epoch 0, #1, 1 records"),
            (Resend, "sent 3: epoch 0, #2, 4 records"),
            (Seal(1), "sent 4: epoch 0, #6, 1 records"),
        ],
    );
    play_established(
        "a hole behind a batch without a fate waits for that",
        &[
            (Seal(1), "sent 1: epoch 0, #1, 1 records"),
            (Seal(1), "sent 2: epoch 0, #2, 1 records"),
            (Told(2, Refused), "2 refused"),
            (Go, "goes on"),
            (Seal(1), "no"),
            (Told(1, Written), "1 written"),
            (Go, "goes on"),
            (Seal(1), "sent 3: epoch 0, #2, 1 records"),
        ],
    );
}

#[test]
fn what_closes_a_dirty_hole() {
    play_established(
        "a dirty hole: a refusal says nothing of an earlier attempt without an answer",
        &[
            (Seal(1), "sent 1: epoch 0, #1, 1 records"),
            (Seal(1), "sent 2: epoch 0, #2, 1 records"),
            (Told(1, Unknown), ""),
            (Resend, "sent 1: epoch 0, #1, 1 records"),
            (Told(1, Refused), "1 perhaps written"),
            (Told(2, OutOfOrder), ""),
            (Go, "needs a newer epoch than 0"),
            (Resend, "no"),
            (NoIdentity, ""),
            (Go, "needs a newer epoch than 0"),
            (Epoch(1), ""),
            (Go, "goes on"),
            (Resend, "sent 2: epoch 1, #0, 1 records"),
            (Seal(1), "no"),
            (Told(2, Written), "2 written"),
            (Seal(1), "sent 3: epoch 1, #1, 1 records"),
        ],
    );
    play_established(
        "a clean hole is of no use if another one is dirty",
        &[
            (Seal(1), "sent 1: epoch 0, #1, 1 records"),
            (Seal(1), "sent 2: epoch 0, #2, 1 records"),
            (Told(2, Unknown), ""),
            (Resend, "sent 2: epoch 0, #2, 1 records"),
            (Told(2, Refused), "2 perhaps written"),
            (Told(1, Refused), "1 refused"),
            (Go, "needs a newer epoch than 0"),
        ],
    );
    play_established(
        "behind a hole, what may be in the log fails: it can have no other numbers",
        &[
            (Seal(1), "sent 1: epoch 0, #1, 1 records"),
            (Seal(1), "sent 2: epoch 0, #2, 1 records"),
            (Seal(1), "sent 3: epoch 0, #3, 1 records"),
            (Told(2, Unknown), ""),
            (Told(3, NotWritten), ""),
            (Told(1, Refused), "1 refused"),
            (Go, "needs a newer epoch than 0; 2 perhaps written"),
            (Epoch(1), ""),
            (Go, "goes on"),
            (Resend, "sent 3: epoch 1, #0, 1 records"),
        ],
    );
}

#[test]
fn what_a_batch_taken_says_of_those_before_it() {
    play_established(
        "a hole before it is dirty: its numbers were used, or the broker forgot us",
        &[
            (Seal(1), "sent 1: epoch 0, #1, 1 records"),
            (Seal(1), "sent 2: epoch 0, #2, 1 records"),
            (Told(1, Refused), "1 refused"),
            (Told(2, Written), "2 written"),
            (Go, "needs a newer epoch than 0"),
        ],
    );
    play_established(
        "a batch before it that waits may be in the log after all",
        &[
            (Seal(1), "sent 1: epoch 0, #1, 1 records"),
            (Seal(1), "sent 2: epoch 0, #2, 1 records"),
            (Told(1, NotWritten), ""),
            (Told(2, Written), "2 written"),
            (Resend, "sent 1: epoch 0, #1, 1 records"),
            (Told(1, Refused), "1 perhaps written"),
        ],
    );
    play_established(
        "nothing of those behind it",
        &[
            (Seal(1), "sent 1: epoch 0, #1, 1 records"),
            (Seal(1), "sent 2: epoch 0, #2, 1 records"),
            (Told(2, NotWritten), ""),
            (Told(1, Written), "1 written"),
            (Resend, "sent 2: epoch 0, #2, 1 records"),
            (Told(2, Refused), "2 refused"),
        ],
    );
}

#[test]
fn what_a_broker_that_misses_a_number_means() {
    play_established(
        "behind a batch without a fate: nothing, it is sent again",
        &[
            (Seal(1), "sent 1: epoch 0, #1, 1 records"),
            (Seal(1), "sent 2: epoch 0, #2, 1 records"),
            (Told(2, OutOfOrder), ""),
            (Go, "goes on"),
            (Told(1, NotWritten), ""),
            (Resend, "sent 1: epoch 0, #1, 1 records"),
            (Resend, "sent 2: epoch 0, #2, 1 records"),
        ],
    );
    play_established(
        "of the oldest: it forgot us, and all start again under a newer epoch",
        &[
            (Seal(2), "sent 1: epoch 0, #1, 2 records"),
            (Seal(1), "sent 2: epoch 0, #3, 1 records"),
            (Told(1, OutOfOrder), ""),
            (Resend, "no"),
            (Go, "waits"),
            (Told(2, OutOfOrder), ""),
            (Go, "needs a newer epoch than 0"),
            (Epoch(1), ""),
            (Go, "goes on"),
            (Resend, "sent 1: epoch 1, #0, 2 records"),
            (Resend, "no"), // alone, until it is acknowledged
            (Told(1, Written), "1 written"),
            (Resend, "sent 2: epoch 1, #2, 1 records"),
        ],
    );
    play_established(
        "of the oldest, which may be among what it forgot: that one fails",
        &[
            (Seal(1), "sent 1: epoch 0, #1, 1 records"),
            (Told(1, Unknown), ""),
            (Resend, "sent 1: epoch 0, #1, 1 records"),
            (Told(1, OutOfOrder), ""),
            (Go, "needs a newer epoch than 0; 1 perhaps written"),
            (Epoch(1), ""),
            (Go, "goes on"),
            (Seal(1), "sent 2: epoch 1, #0, 1 records"),
        ],
    );
}

#[test]
fn what_time_running_out_leaves() {
    play_established(
        "of a batch in flight a ghost, which holds up what is new until its request ends",
        &[
            (Seal(1), "sent 1: epoch 0, #1, 1 records"),
            (Wait(10), ""),
            (Expire, "1 timed out, perhaps written"),
            (Seal(1), "no"),
            (Go, "goes on"),
            (Told(1, Written), ""),
            (Go, "needs a newer epoch than 0"),
            (Epoch(1), ""),
            (Go, "goes on"),
            (Seal(1), "sent 2: epoch 1, #0, 1 records"),
        ],
    );
    play_established(
        "of a batch that waits, and certainly was not appended, its numbers for the next",
        &[
            (Seal(2), "sent 1: epoch 0, #1, 2 records"),
            (Told(1, NotWritten), ""),
            (Wait(10), ""),
            (Expire, "1 timed out"),
            (Go, "goes on"),
            (Seal(1), "sent 2: epoch 0, #1, 1 records"),
        ],
    );
    play_established(
        "of a batch that waits, and may have been appended, numbers that nobody can use",
        &[
            (Seal(1), "sent 1: epoch 0, #1, 1 records"),
            (Told(1, Unknown), ""),
            (Wait(10), ""),
            (Expire, "1 timed out, perhaps written"),
            (Go, "needs a newer epoch than 0"),
        ],
    );
    play_established(
        "of a younger batch all",
        &[
            (Seal(1), "sent 1: epoch 0, #1, 1 records"),
            (Told(1, NotWritten), ""),
            (Resend, "sent 1: epoch 0, #1, 1 records"),
            (Wait(3), ""),
            (Seal(1), "sent 2: epoch 0, #2, 1 records"),
            (Wait(6), ""),
            (Expire, ""),
            (Wait(1), ""),
            (Expire, "1 timed out, perhaps written"),
            (Told(2, Written), "2 written"),
        ],
    );
    play_established(
        "the end of the producer: every fate is told at once, late answers change nothing",
        &[
            (Seal(1), "sent 1: epoch 0, #1, 1 records"),
            (Seal(1), "sent 2: epoch 0, #2, 1 records"),
            (Seal(1), "sent 3: epoch 0, #3, 1 records"),
            (Told(2, NotWritten), ""),
            (Told(3, Unknown), ""),
            (FailAll, "1 perhaps written; 2 closed; 3 perhaps written"),
            (Resend, "no"),
            (Told(1, Written), ""),
        ],
    );
}

#[test]
fn what_a_batch_too_large_becomes() {
    play_established(
        "two, each with its share of the numbers, before what is behind them",
        &[
            (Seal(4), "sent 1: epoch 0, #1, 4 records"),
            (Seal(1), "sent 2: epoch 0, #5, 1 records"),
            (Told(1, TooLarge), ""),
            (Told(2, OutOfOrder), ""),
            (Seal(1), "no"),
            (Resend, "sent 3: epoch 0, #1, 2 records"),
            (Resend, "sent 4: epoch 0, #3, 2 records"),
            (Resend, "sent 2: epoch 0, #5, 1 records"),
            (Told(3, Written), "1 written"),
            (Told(4, Refused), "1 refused"),
        ],
    );
    play_established(
        "a failure, if it is one record; its number is free",
        &[
            (Seal(1), "sent 1: epoch 0, #1, 1 records"),
            (Told(1, TooLarge), "1 refused"),
            (Go, "goes on"),
            (Seal(2), "sent 4: epoch 0, #1, 2 records"),
        ],
    );
}

#[test]
fn what_a_newer_epoch_means() {
    play_established(
        "with nothing in flight the next batch takes it, and is the first again",
        &[
            (Epoch(1), ""),
            (Seal(1), "sent 1: epoch 1, #0, 1 records"),
            (Seal(1), "no"),
            (Told(1, Written), "1 written"),
            (Seal(1), "sent 2: epoch 1, #1, 1 records"),
            (Seal(1), "sent 3: epoch 1, #2, 1 records"),
        ],
    );
    play_established(
        "a batch in flight keeps its epoch, also when it is sent again",
        &[
            (Seal(1), "sent 1: epoch 0, #1, 1 records"),
            (Epoch(1), ""),
            (Seal(1), "no"),
            (Told(1, Unknown), ""),
            (Go, "goes on"),
            (Resend, "sent 1: epoch 0, #1, 1 records"),
            (Told(1, Written), "1 written"),
            (Seal(1), "sent 2: epoch 1, #0, 1 records"),
        ],
    );
    play(
        "without an identity nothing is sent",
        true,
        &[
            (NoIdentity, ""),
            (Seal(1), "no"),
            (Epoch(0), ""),
            (Seal(1), "sent 0: epoch 0, #0, 1 records"),
        ],
    );
}
