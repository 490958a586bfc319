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

    // a capture that ends within a frame
    let cut = format!("{hex}{hex}{}", &hex[..30]);
    let output = command(&["decode", &cut]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), shown.repeat(2));
    let said = "broker-lite: decoding frame 3: it is cut: its length says 13 bytes, 6 are there\n";
    assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(1), said));

    let (code, said) = broker.fails(&["decode", &hex[12..48]], b"");
    let reason = "ApiVersionsRequest v0, header.client_id: the bytes end 1 bytes too early";
    let cut = "it is cut: its length says 1179648 bytes, 8 are there; as one without length";
    assert_eq!((code, &*said), (1, &*format!("broker-lite: decoding frame 1: {cut}: {reason}\n")));
    let (code, said) = broker.fails(&["decode", "--bare", &hex[12..48]], b"");
    assert_eq!((code, &*said), (1, &*format!("broker-lite: decoding frame 1: {reason}\n")));
    assert_eq!(broker.fails(&["decode", "no hex"], b"").0, 2);
    assert_eq!(broker.fails(&["decode", "--api", "Fetch", "00"], b"").0, 2, "which version?");
}

fn decode(arguments: &[&str]) -> (i32, String, String) {
    let output = command(&[&["decode"], arguments].concat()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_length_in_front_is_told_from_a_number_that_looks_like_one() {
    let heartbeat = ["--api", "Heartbeat", "--version", "0"];
    let shown = |id| {
        format!(
            "{{\"responseHeader\":{{\"correlationId\":{id}}},\"response\":{{\"errorCode\":0}}}}\n"
        )
    };
    for (bytes, how, id) in [
        ("00000002 0000", None, 2), // a frame of 2 bytes would be too short
        ("00000002 0000", Some("--bare"), 2),
        ("00000006 00000002 0000", None, 2),
        ("00000006 00000002 0000", Some("--framed"), 2),
    ] {
        let arguments: Vec<_> = heartbeat.into_iter().chain(how).chain([bytes]).collect();
        assert_eq!(decode(&arguments), (0, shown(id), String::new()), "{bytes}, {how:?}");
    }
    // a Produce begins with what looks like a short length: its key is 0
    let produce = "0000 0003 00000007 ffff ffff 0001 00007530 00000000";
    let (code, text, _) = decode(&[produce]);
    assert!(code == 0 && text.contains("\"requestApiKeyName\":\"PRODUCE\""), "{text}");
    let line = |frame, reason| format!("broker-lite: decoding frame {frame}: {reason}\n");
    let (code, _, said) = decode(&["--framed", produce]);
    let reason = "RequestHeader, request_api_version: the bytes end 1 bytes too early";
    let cut = "it is cut: its length says 134217727 bytes, 11 are there";
    assert_eq!((code, said), (1, line(1, reason) + &line(2, cut)));
    // what cannot be read either way is reported as what the lengths say
    let (code, _, said) = decode(&["00000004 00120063", "00000000"]);
    let reason = "ApiVersionsRequest v99, header.correlation_id: the bytes end 4 bytes too early";
    let empty = "RequestHeader, request_api_key: the bytes end 2 bytes too early";
    assert_eq!((code, said), (1, line(1, reason) + &line(2, empty)));
    // an option that would be ignored is refused
    for ignored in [
        &["--as", "subscription", "--bare", "00"][..],
        &["--as", "assignment", "--api", "Fetch", "--version", "4", "00"],
        &["--key", "00", "00"],
        &["--framed", "--bare", "00"],
        &["--as", "subscription", "--records", "base64", "0000 00000000 ffffffff"],
        &["--as", "metadata-record", "--records", "size", "00"],
    ] {
        assert_eq!(decode(ignored).0, 2, "{ignored:?}");
    }
}

#[test]
fn a_frame_that_cannot_be_read_hides_no_other() {
    let good = "0000000d 0012 0000 00000007 0003 666f6f"; // ApiVersions
    let bad = "00000004 00120063";
    let (_, shown, _) = decode(&[good]);
    assert!(shown.contains("\"clientId\":\"foo\""), "{shown}");
    let line = |frame, reason| format!("broker-lite: decoding frame {frame}: {reason}\n");
    let reason = "ApiVersionsRequest v99, header.correlation_id: the bytes end 4 bytes too early";
    let cut = "it is cut: its length says 13 bytes, 2 are there";
    let cases: [(&[&str], usize, String); 6] = [
        (&["--framed", bad, good], 1, line(1, reason)),
        (&[bad, good], 1, line(1, reason)),
        (&[good, bad, good, bad], 2, line(2, reason) + &line(4, reason)),
        (&[bad, good, &good[..13]], 1, line(1, reason) + &line(3, cut)),
        (&[good, "ffffffff 00"], 1, line(2, "its length says -1, in front of the last 5 bytes")),
        (&[good, "0000"], 1, line(2, "it is cut: the last 2 bytes are not even its length")),
    ];
    for (frames, count, said) in cases {
        assert_eq!(decode(frames), (1, shown.repeat(count), said), "{frames:?}");
    }
}

#[test]
fn a_capture_that_ends_within_its_first_frame_is_said_to_be_cut() {
    let frame = "0000000d 0012 0000 00000007 00";
    let cut = "broker-lite: decoding frame 1: it is cut: its length says 13 bytes, 9 are there";
    assert_eq!(decode(&["--framed", frame]), (1, String::new(), format!("{cut}\n")));
    let (code, shown, said) = decode(&[frame]);
    let bare = "; as one without length: ProduceRequest v13, ";
    assert!(code == 1 && shown.is_empty(), "{code}, {shown}");
    assert!(said.starts_with(&format!("{cut}{bare}")) && said.lines().count() == 1, "{said}");
    let none = "broker-lite: decoding: there are no frames, not one byte\n";
    for how in [&["--framed"][..], &["--bare"], &[], &["--api", "Fetch", "--version", "4"]] {
        assert_eq!(decode(how), (1, String::new(), none.to_owned()), "{how:?}");
    }
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
