//! A server in the same process: values instead of text.

use frisson_client::{ChannelLink, Client, ConnectError, Connector, Error, Event, InputKind, Level, Percent};
use frisson_wire::{Dialect, Hello, Id, Message, Reply, Request, ServerInfo};
use tokio::sync::mpsc;

include!("support/rabbit.rs");

#[tokio::test(start_paused = true)]
async fn a_server_in_the_same_process_is_used_like_any_other() {
    let client = Client::connect("Test", rabbit()).await.unwrap();
    assert_eq!(client.server_name(), "Living room");
    let mut events = client.events();
    let Some(Event::DeviceAdded(device)) = events.next().await else { panic!("no device") };
    assert_eq!((device.index(), device.label(), device.name()), (3, "Left bunny", "Example Rabbit"));
    device.vibrate(Percent(50.0)).await.unwrap();
    device.move_to(Level::Steps(70), std::time::Duration::from_millis(300)).await.unwrap();
    assert_eq!(device.battery().await.unwrap(), 62);
    device.feature(7).unwrap().subscribe(InputKind::Pressure).await.unwrap();
    match events.next().await {
        Some(Event::Reading(reading)) => {
            assert_eq!(
                (reading.feature.index(), reading.kind, reading.value),
                (7, InputKind::Pressure, 1310)
            );
        }
        other => panic!("{other:?}"),
    }
    client.disconnect().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_of_the_server_delays_and_loses_nothing() {
    let (requests, mut received) = mpsc::channel(1);
    let (sender, messages) = mpsc::unbounded_channel();
    let link = std::sync::Mutex::new(Some(ChannelLink::new(requests, messages)));
    let connector = Connector::in_process(move || std::future::ready(link.lock().unwrap().take()));
    let server = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some((id, request)) = received.recv().await {
            let reply = match &request {
                Request::Hello(_) => {
                    Reply::ServerInfo(ServerInfo { server_name: "".into(), max_ping_time_ms: 0 })
                }
                Request::DeviceList => Reply::DeviceList([].into()),
                _ => Reply::Ok,
            };
            let _ = sender.send(Message::Reply(id, reply));
            seen.push((id.get(), request));
            tokio::task::yield_now().await;
        }
        seen
    });
    let client = Client::connect("Test", connector).await.unwrap();
    let calls = tokio::join!(client.start_scanning(), client.stop_scanning(), client.stop_all());
    assert!(matches!(calls, (Ok(()), Ok(()), Ok(()))));
    client.disconnect().await.unwrap();
    let seen = server.await.unwrap();
    let hello = Hello { client_name: "Test".into(), dialect: Dialect::V4 };
    assert_eq!(seen.first(), Some(&(1, Request::Hello(hello))));
    assert_eq!(seen.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(seen.last(), Some(&(6, Request::Disconnect)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_stopped_is_an_error() {
    let error = Client::connect("Test", Connector::in_process(|| std::future::ready(None::<ChannelLink>)))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Closed { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_ends_the_connection() {
    let (requests, mut received) = mpsc::channel::<(Id, Request)>(4);
    let (sender, messages) = mpsc::unbounded_channel();
    let link = std::sync::Mutex::new(Some(ChannelLink::new(requests, messages)));
    let connector = Connector::in_process(move || std::future::ready(link.lock().unwrap().take()));
    tokio::spawn(async move {
        let mut answer = async |reply| {
            let (id, _) = received.recv().await.unwrap();
            sender.send(Message::Reply(id, reply)).unwrap();
        };
        answer(Reply::ServerInfo(ServerInfo { server_name: "".into(), max_ping_time_ms: 0 })).await;
        answer(Reply::DeviceList([].into())).await;
        received.recv().await.unwrap();
    });
    let client = Client::connect("Test", connector).await.unwrap();
    assert!(matches!(client.stop_all().await, Err(Error::Disconnected(_))));
    assert!(!client.is_connected());
    assert!(client.device(0).is_none());
}
