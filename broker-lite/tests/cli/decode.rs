//! `decode`: frames as JSON.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::{Broker, command};

#[test]
fn frames_of_a_connection_are_shown_as_json() {
    let broker = Broker::start(&["serve"]);
    let mut socket = TcpStream::connect(&broker.bootstrap).unwrap();
    let request = b"\0\0\0\x0d\0\x12\0\0\0\0\0\x07\0\x03foo"; // ApiVersions
    socket.write_all(request).unwrap();
    let mut response = vec![0; 4];
    socket.read_exact(&mut response).unwrap();
    let length = i32::from_be_bytes(response[..4].try_into().unwrap());
    response.resize(4 + usize::try_from(length).unwrap(), 0);
    socket.read_exact(&mut response[4..]).unwrap();

    let shown = "{\"requestHeader\":{\"requestApiKey\":18,\"requestApiVersion\":0,\"correlationId\":7,\
        \"clientId\":\"foo\",\"requestApiKeyName\":\"API_VERSIONS\"},\"request\":{}}\n";
    let hex: String = request.iter().map(|byte| format!("{byte:02x} ")).collect();
    assert_eq!(broker.ok(&["decode", &hex], b""), shown);
    assert_eq!(broker.ok(&["decode"], &hex.as_bytes()[12..]), shown, "without the length");

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [&response[..], &response].concat()).unwrap();
    let path = file.path().to_str().unwrap();
    let decode = ["decode", "--file", path, "--api", "api-versions", "--version", "0"];
    let responses = broker.ok(&decode, b"");
    assert_eq!(responses.lines().count(), 2);
    let start = "{\"responseHeader\":{\"correlationId\":7},\"response\":{\"errorCode\":0,\
        \"apiKeys\":[{\"apiKey\":0,\"minVersion\":0,\"maxVersion\":13},";
    assert!(responses.lines().all(|line| line.starts_with(start)), "{responses}");

    let (code, said) = broker.fails(&["decode", &hex[12..48]], b"");
    let reason = "ApiVersionsRequest v0, header.client_id: the bytes end 1 bytes too early";
    assert_eq!((code, &*said), (1, &*format!("broker-lite: decoding frame 1: {reason}\n")));
    assert_eq!(broker.fails(&["decode", "no hex"], b"").0, 2);
    assert_eq!(broker.fails(&["decode", "--api", "Fetch", "00"], b"").0, 2, "which version?");
}

#[test]
fn what_stands_in_records_and_blobs_is_shown_as_json() {
    let decode = |arguments: &[&str]| {
        let output = command(&[&["decode", "--as"], arguments].concat()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let key = "0001 0001 67 0001 74 00000003";
    let value = "0003 0000000000000009 00000002 0000 0000000000000005";
    let shown_key = r#"{"key":{"type":1,"data":{"group":"g","topic":"t","partition":3}},"value":"#;
    let shown_value =
        r#"{"version":3,"data":{"offset":9,"leaderEpoch":2,"metadata":"","commitTimestamp":5}}"#;
    for (arguments, shown) in [
        (
            &["metadata-record", "01 02 00 02 74 00000000000000000000000000000000 00"][..],
            r#"{"type":"TOPIC_RECORD","version":0,"data":{"name":"t","topicId":"AAAAAAAAAAAAAAAAAAAAAA"}}"#,
        ),
        (
            &["subscription", "0000 00000001 0001 74 ffffffff"],
            r#"{"version":0,"data":{"topics":["t"],"userData":null}}"#,
        ),
        (
            &["assignment", "0000 00000000 ffffffff"],
            r#"{"version":0,"data":{"assignedPartitions":[],"userData":null}}"#,
        ),
        (&["coordinator-record", "--key", key, value], &format!("{shown_key}{shown_value}}}")),
        (&["coordinator-record", "--key", key, ""], &format!("{shown_key}null}}")),
    ] {
        assert_eq!(decode(arguments), (Some(0), format!("{shown}\n")));
    }
    assert_eq!(decode(&["coordinator-record", value]).0, Some(2), "which key?");
    let topic = "__transaction_state";
    let wrong = ["coordinator-record", "--topic", topic, "--key", key, value];
    assert_eq!(decode(&wrong).0, Some(1));
}
