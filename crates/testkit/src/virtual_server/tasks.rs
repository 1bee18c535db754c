//! What the tasks of a real server do: they carry messages between the hub, the machines and the hardware.

use frisson_engine::device::{Input as DeviceInput, Output as DeviceOutput, Report};
use frisson_engine::hub::{DeviceId, Input, Note, Output, ScanOrder, ScannerId, SessionId};
use frisson_wire::Dialect;
use frisson_wire::rules::check_server_frame;

use super::{Client, Link, Receipt, Received, Scanning, VirtualServer, Work};

impl VirtualServer {
    pub(super) fn tell_hub(&mut self, input: Input<'_>) {
        self.hub.handle(self.now, input);
        let mut sent = Vec::new();
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Frame { session, frame, .. } => {
                    self.receive(session, Receipt::Frame(frame.clone()));
                    sent.push((session, frame));
                }
                Output::Close(session, close) => {
                    self.receive(session, Receipt::Closed(close));
                    if let Some(client) = self.session(session) {
                        client.is_open = false;
                    }
                }
                Output::Message(..) => {}
                Output::Device(device, command) => self.work.push_back(Work::Command(device, command)),
                Output::Scan(order) => {
                    if order == ScanOrder::Stop || self.scanning == Scanning::EndsAtOnce {
                        self.work.push_back(Work::ScanEnded);
                    }
                }
                Output::Note(note) => {
                    if let Note::SessionOpened(session, _, dialect) = &note
                        && let Some(client) = self.session(*session)
                    {
                        client.dialect = Some(*dialect);
                    }
                    self.notes.push(note);
                }
                Output::Finished { unstopped } => self.unstopped = Some(unstopped),
            }
        }
        for (session, frame) in sent {
            let dialect = self.session(session).and_then(|client| client.dialect);
            // What is said before the handshake has to be good in every version.
            let dialects = dialect.map_or(Dialect::ALL.to_vec(), |dialect| vec![dialect]);
            for dialect in dialects {
                if let Err(breach) = check_server_frame(dialect, &frame) {
                    panic!("the server breaks the protocol: {breach}");
                }
            }
        }
    }

    fn session(&mut self, session: SessionId) -> Option<&mut Client> {
        self.clients.values_mut().find(|client| client.session == session)
    }

    fn receive(&mut self, session: SessionId, what: Receipt) {
        self.order += 1;
        let received = Received { at: self.now(), order: self.order, what };
        if let Some(client) = self.session(session).filter(|client| client.is_open) {
            client.inbox.push_back(received);
        }
    }

    pub(super) fn tell_device(&mut self, id: DeviceId, input: DeviceInput<'_>) {
        if let Some(link) = self.links.get_mut(&id) {
            link.machine.handle(self.now, input);
            self.drain_device(id);
        }
    }

    pub(super) fn drain_device(&mut self, id: DeviceId) {
        while let Some(link) = self.links.get_mut(&id)
            && let Some(output) = link.machine.poll_output()
        {
            match output {
                DeviceOutput::Operate(operation) => {
                    let hardware = self.hardware.get(&link.address);
                    let delay = hardware.and_then(|hardware| hardware.delay(&operation));
                    link.operation = Some((operation, delay.map(|delay| self.now + delay)));
                }
                DeviceOutput::Abandon => link.operation = None,
                DeviceOutput::Report(report) => self.work.push_back(Work::Report(id, report)),
                DeviceOutput::Close => {
                    let link = self.links.remove(&id);
                    if let Some(hardware) = link.and_then(|link| self.hardware.get_mut(&link.address)) {
                        hardware.unlink();
                    }
                    self.work.push_back(Work::Ended(id));
                }
            }
        }
    }

    /// Ends an operation whose time is over.
    pub(super) fn complete(&mut self, id: DeviceId) {
        let now = self.now;
        let at = self.now();
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some((operation, _)) = link.operation.take_if(|(_, ends)| ends.is_some_and(|ends| ends <= now))
        else {
            return;
        };
        self.order += 1;
        let Some(hardware) = self.hardware.get_mut(&link.address) else { return };
        let result = hardware.operate(at, self.order, &operation);
        self.tell_device(id, DeviceInput::Completed(result));
    }

    /// Does everything that can be done at this moment.
    pub(super) fn settle(&mut self) {
        loop {
            let ids: Vec<_> = self.links.keys().copied().collect();
            for id in ids {
                self.complete(id);
            }
            let ready = |link: &Link| matches!(link.operation, Some((_, Some(ends))) if ends <= self.now);
            let Some(work) = self.work.pop_front() else {
                if self.links.values().any(ready) {
                    continue;
                }
                return;
            };
            match work {
                Work::Command(id, command) => {
                    self.tell_device(id, DeviceInput::Command(command));
                    self.tell_hub(Input::Credit(id, 1));
                }
                Work::Report(id, report) => {
                    let is_ready = matches!(report, Report::Ready(_));
                    let before = self.notes.len();
                    self.tell_hub(Input::Device(id, report));
                    if is_ready {
                        self.note_index(id, before);
                    }
                }
                Work::Ended(id) => self.tell_hub(Input::DeviceEnded(id)),
                Work::ScanEnded => self.tell_hub(Input::ScanEnded(ScannerId(0))),
            }
        }
    }

    fn note_index(&mut self, id: DeviceId, before: usize) {
        let index = self.notes.iter().skip(before).find_map(|note| match note {
            Note::DeviceAdded(index, _) => Some(*index),
            _ => None,
        });
        if let (Some(index), Some(link)) = (index, self.links.get(&id)) {
            self.indices.insert(link.address.clone(), index);
        }
    }
}
