//! What BlueZ and D-Bus say.

use std::collections::HashMap;

use tokio::time::Instant;
use tracing::{debug, trace};
use zbus::Message;
use zbus::message::{Header, Type};

use super::super::calls::{self, BLUEZ, DBUS, Fault, OBJECT_MANAGER, PROPERTIES};
use super::super::objects::{ADAPTER, CHARACTERISTIC, DEVICE, Objects, Properties, bytes};
use super::super::service::Service;
use super::super::waiting::Waiting;
use super::{RETRY, Radio};
use crate::PortError;

type Interfaces = HashMap<String, Properties>;

impl Radio {
    /// Takes in a message.
    pub(in super::super) fn heard(&mut self, message: &Message, now: Instant) {
        let header = message.header();
        match message.message_type() {
            Type::MethodReturn | Type::Error => {
                let waiting = header.reply_serial().and_then(|serial| self.waiting.remove(&serial));
                if let Some((waiting, _)) = waiting {
                    self.answered(waiting, message, now);
                }
            }
            Type::Signal => self.signalled(&header, message, now),
            Type::MethodCall => {}
        }
    }

    fn answered(&mut self, waiting: Waiting, answer: &Message, now: Instant) {
        let fault = Fault::of(answer);
        match waiting {
            Waiting::Nobody => {
                if let Some(fault) = fault {
                    debug!("refused: {fault}");
                }
            }
            Waiting::Owner => match (fault, answer.body().deserialize::<&str>()) {
                (None, Ok(owner)) => self.appeared(owner, now),
                (fault, _) => {
                    if let Some(fault) = fault.filter(|fault| !fault.is("NameHasNoOwner")) {
                        debug!("who BlueZ is cannot be found out: {fault}");
                    }
                    self.service = Service::Absent;
                }
            },
            Waiting::Objects => self.introduced(fault, answer, now),
            Waiting::Discovery(adapter) => {
                // Someone has asked in our name already.
                let refusal = fault.filter(|fault| !fault.is("InProgress")).map(|fault| fault.to_string());
                self.discoveries.answered(&adapter, refusal, now);
            }
            Waiting::Link(link, to, asked) => {
                let value = answer.body().deserialize::<Vec<u8>>().ok();
                self.links.answered(link, &asked, value.filter(|_| fault.is_none()));
                let result = match fault.filter(|fault| !asked.is_so(fault)) {
                    None => Ok(answer.clone()),
                    Some(fault) => Err(PortError::from(fault)),
                };
                let _ = to.send(result);
            }
            Waiting::Disconnected(to) => {
                if let Some(to) = to {
                    let _ = to.send(());
                }
            }
        }
    }

    /// BlueZ is there.
    fn appeared(&mut self, owner: &str, now: Instant) {
        self.service = Service::Greeting(owner.to_owned());
        self.call(calls::objects(), Waiting::Objects, now);
    }

    /// BlueZ has told all of its objects.
    fn introduced(&mut self, fault: Option<Fault>, answer: &Message, now: Instant) {
        let Service::Greeting(owner) = &self.service else { return };
        let owner = owner.clone();
        let body = answer.body();
        let all = body.deserialize::<HashMap<zbus::ObjectPath<'_>, Interfaces>>();
        let refusal = match (fault, all) {
            (None, Ok(all)) => {
                self.objects = Objects::default();
                for (path, interfaces) in &all {
                    self.added(path.as_str(), interfaces);
                }
                self.review();
                self.service = Service::Known(owner);
                return;
            }
            (Some(fault), _) => fault.to_string(),
            (None, Err(error)) => error.to_string(),
        };
        self.service = Service::Refused(owner, refusal, now + RETRY);
    }

    fn signalled(&mut self, header: &Header<'_>, message: &Message, now: Instant) {
        let interface = header.interface().map(|name| name.as_str()).unwrap_or_default();
        let member = header.member().map(|name| name.as_str()).unwrap_or_default();
        let sender = header.sender().map(|name| name.as_str()).unwrap_or_default();
        if (sender, interface, member) == (DBUS, DBUS, "NameOwnerChanged") {
            if let Ok((BLUEZ, _, owner)) = message.body().deserialize::<(&str, &str, &str)>() {
                self.forget_service("the Bluetooth service has ended");
                match owner.is_empty() {
                    true => self.service = Service::Absent,
                    false => self.appeared(owner, now),
                }
            }
            return;
        }
        // What BlueZ says before it has told all of its objects is part of that.
        if !matches!(&self.service, Service::Known(owner) if *owner == sender) {
            return;
        }
        let body = message.body();
        match (interface, member) {
            (PROPERTIES, "PropertiesChanged") => {
                let path = header.path().map(|path| path.as_str()).unwrap_or_default();
                if let Ok((interface, changed, invalidated)) =
                    body.deserialize::<(&str, Properties, Vec<String>)>()
                {
                    self.changed(path, interface, &changed, &invalidated, now);
                }
            }
            (OBJECT_MANAGER, "InterfacesAdded") => {
                if let Ok((path, interfaces)) = body.deserialize::<(zbus::ObjectPath<'_>, Interfaces)>() {
                    self.added(path.as_str(), &interfaces);
                    self.review();
                }
            }
            (OBJECT_MANAGER, "InterfacesRemoved") => {
                if let Ok((path, interfaces)) = body.deserialize::<(zbus::ObjectPath<'_>, Vec<String>)>() {
                    for interface in &interfaces {
                        self.objects.remove(path.as_str(), interface);
                    }
                    self.review();
                }
            }
            _ => {}
        }
    }

    fn added(&mut self, path: &str, interfaces: &Interfaces) {
        for (interface, properties) in interfaces {
            self.objects.set(path, interface, properties);
            if interface == DEVICE {
                self.consider(path);
            }
        }
    }

    fn changed(
        &mut self,
        path: &str,
        interface: &str,
        changed: &Properties,
        invalidated: &[String],
        now: Instant,
    ) {
        if interface == CHARACTERISTIC {
            if let Some(value) = changed.get("Value").and_then(|value| bytes(value)) {
                trace!(?value, "notified");
                self.links.say(path, value);
            }
            return;
        }
        if !self.objects.change(path, interface, changed, invalidated) {
            return;
        }
        match interface {
            ADAPTER => {
                let adapter = self.objects.adapters.get(path);
                let is_over = adapter.is_some_and(|adapter| !adapter.is_discovering);
                if is_over && changed.contains_key("Discovering") {
                    self.discoveries.stopped(path, now);
                }
                self.review();
            }
            DEVICE => {
                self.review();
                self.consider(path);
            }
            _ => {}
        }
    }
}
