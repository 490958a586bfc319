//! What a broker's error code means for a batch: one table.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::produce::PartitionProduceResponse;

use super::delivery::{Failure, Receipt};
use super::error::{Obstacle, SendError};
use super::sequencer::Answer;

/// What a broker's answer for one partition means for the batch it got.
pub(crate) fn judge(response: &PartitionProduceResponse) -> Answer {
    let code = response.error_code;
    let obstacle = || Obstacle::Broker { code, message: response.error_message.clone() };
    let receipt =
        |base_offset| Receipt { base_offset, log_append_time: response.log_append_time_ms };
    match code {
        ErrorCode::NONE => Answer::Written(receipt(response.base_offset)),
        // the broker has it, and has forgotten where
        ErrorCode::DUPLICATE_SEQUENCE_NUMBER => Answer::Written(receipt(None)),
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
        | ErrorCode::UNKNOWN_PRODUCER_ID
        | ErrorCode::INVALID_PRODUCER_EPOCH => Answer::OutOfOrder(code),
        ErrorCode::MESSAGE_TOO_LARGE => Answer::TooLarge,
        // appended by the leader, or perhaps: its replicas, its disk or its code failed; or it led
        // when it appended, and no longer when it looked whether its replicas have it (acks=all)
        ErrorCode::NOT_LEADER_OR_FOLLOWER
        | ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
        | ErrorCode::KAFKA_STORAGE_ERROR
        | ErrorCode::UNKNOWN_SERVER_ERROR => Answer::Unknown(obstacle()),
        code if code.is_retriable() => Answer::NotWritten(obstacle()),
        code => Answer::Failed(refusal(code, response)),
    }
}

fn refusal(code: ErrorCode, response: &PartitionProduceResponse) -> Failure {
    let culprits = response.record_errors.iter().filter_map(|error| {
        let index = u32::try_from(error.batch_index).ok()?;
        Some((index, error.batch_index_error_message.clone()))
    });
    Failure {
        error: SendError::Refused { code, message: response.error_message.clone() },
        culprits: culprits.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_meaning() {
        for (code, meaning) in [
            (ErrorCode::NONE, "Written"),
            (ErrorCode::DUPLICATE_SEQUENCE_NUMBER, "Written"),
            (ErrorCode::LEADER_NOT_AVAILABLE, "NotWritten"),
            (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "NotWritten"),
            (ErrorCode::NOT_ENOUGH_REPLICAS, "NotWritten"),
            (ErrorCode::CORRUPT_MESSAGE, "NotWritten"),
            (ErrorCode::NOT_LEADER_OR_FOLLOWER, "Unknown"),
            (ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND, "Unknown"),
            (ErrorCode::REQUEST_TIMED_OUT, "Unknown"),
            (ErrorCode::UNKNOWN_SERVER_ERROR, "Unknown"),
            (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, "OutOfOrder"),
            (ErrorCode::UNKNOWN_PRODUCER_ID, "OutOfOrder"),
            (ErrorCode::MESSAGE_TOO_LARGE, "TooLarge"),
            (ErrorCode::INVALID_RECORD, "Failed"),
            (ErrorCode::TOPIC_AUTHORIZATION_FAILED, "Failed"),
            (ErrorCode(12_345), "Failed"),
        ] {
            let response = PartitionProduceResponse { error_code: code, ..Default::default() };
            let answer = format!("{:?}", judge(&response));
            assert!(answer.starts_with(meaning), "{code}: {answer}");
        }
    }
}
