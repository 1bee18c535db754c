//! A bus as the server has it: what keeps it from being used is told at the start, with where to read on.

use frisson_server::hardware::{BoxFuture, ConnectPlan, Found, Outcome, Port, PortError, Scanner, Sighting};

use super::trouble;

/// A scanner that says from the start if nothing can be used, not only when it is told to look.
pub(crate) struct Told {
    scanner: Box<dyn Scanner>,
    /// What has to be said before everything else.
    first: Option<String>,
    /// What has been said at the start. The first look at the bus comes to the same.
    said: Option<String>,
}

impl Told {
    pub(crate) fn new(scanner: Box<dyn Scanner>) -> Self {
        let first = trouble(scanner.name());
        Self { scanner, said: first.clone(), first }
    }

    /// A reason with where to read on, if there is something to be read.
    fn complete(&self, reason: &str) -> Found {
        let is_examined = matches!(self.scanner.name(), "ble" | "serial" | "hid" | "gamepad");
        Found::Unusable(match is_examined {
            true => format!("{reason}; frisson doctor tells more"),
            false => reason.to_owned(),
        })
    }
}

impl Scanner for Told {
    fn name(&self) -> &'static str {
        self.scanner.name()
    }

    fn scan(&mut self, on: bool) {
        self.scanner.scan(on);
    }

    fn next(&mut self) -> BoxFuture<'_, Found> {
        Box::pin(async {
            if let Some(reason) = self.first.take() {
                return self.complete(&reason);
            }
            loop {
                match self.scanner.next().await {
                    Found::Unusable(reason) if self.said.take().as_ref() == Some(&reason) => {}
                    Found::Unusable(reason) => return self.complete(&reason),
                    found => return found,
                }
            }
        })
    }

    fn connect(
        &mut self,
        sighting: &Sighting,
        plans: Vec<ConnectPlan>,
    ) -> BoxFuture<'static, Result<Box<dyn Port>, PortError>> {
        self.scanner.connect(sighting, plans)
    }

    fn outcome(&mut self, sighting: &Sighting, outcome: &Outcome) {
        self.scanner.outcome(sighting, outcome);
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        self.scanner.close()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    struct Script(&'static str, VecDeque<&'static str>);

    impl Scanner for Script {
        fn name(&self) -> &'static str {
            self.0
        }

        fn scan(&mut self, _: bool) {}

        fn next(&mut self) -> BoxFuture<'_, Found> {
            let found = self.1.pop_front().map_or(Found::Closed, |reason| Found::Unusable(reason.to_owned()));
            Box::pin(std::future::ready(found))
        }

        fn connect(
            &mut self,
            _: &Sighting,
            _: Vec<ConnectPlan>,
        ) -> BoxFuture<'static, Result<Box<dyn Port>, PortError>> {
            Box::pin(std::future::ready(Err(PortError::Failed("not in this test".to_owned()))))
        }
    }

    async fn told(mut scanner: Told) -> Vec<String> {
        let mut told = Vec::new();
        while let Found::Unusable(reason) = scanner.next().await {
            told.push(reason);
        }
        told
    }

    #[tokio::test]
    async fn what_is_said_at_the_start_is_not_said_again_by_the_first_look() {
        let scanner = Box::new(Script("hid", ["no driver", "no driver", "no rights"].into()));
        let first = Some("no driver".to_owned());
        let told = told(Told { scanner, said: first.clone(), first }).await;
        let more = |reason: &str| format!("{reason}; frisson doctor tells more");
        assert_eq!(told, [more("no driver"), more("no driver"), more("no rights")]);
    }

    #[tokio::test]
    async fn what_the_doctor_does_not_examine_is_told_as_it_is() {
        let scanner = Box::new(Script("lovense-connect", ["nobody answers"].into()));
        assert_eq!(told(Told { scanner, first: None, said: None }).await, ["nobody answers"]);
    }
}
