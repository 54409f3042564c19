//! tungstenite follows one operation on the hub and writes every message as it is, then whether the connection closed
//! in order. Arguments: the address, the operation, and the seq to begin after.
use std::env::args;
use tungstenite::{connect, Error, Message};

fn main() {
    let mut args = args().skip(1);
    let mut next = || args.next().expect("address, operation and seq");
    let (url, operation, after) = (next(), next(), next());
    let (mut socket, _) = connect(url).expect("a connection");
    let subscribe = format!(r#"{{"command":"subscribe","operation_id":"{operation}","after_seq":{after}}}"#);
    socket.send(Message::text(subscribe)).expect("sent");
    loop {
        let message = socket.read().expect("a message");
        let Message::Text(text) = message else { continue };
        println!("{text}");
        if text.contains(r#""event_type":"completed""#) {
            break;
        }
    }
    socket.close(None).expect("closed");
    let end = loop {
        if let Err(error) = socket.read() {
            break error;
        }
    };
    println!("{}", matches!(end, Error::ConnectionClosed));
}
