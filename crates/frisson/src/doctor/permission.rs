//! Why a device's file cannot be used, and how to come to use it.

use super::machine::Machine;

/// What is to be said of a file in `/dev` that this user may not use; `rule` is a rule of udev for it.
pub(super) fn denied(machine: &Machine, path: &str, rule: &str) -> (String, String) {
    let by_rule = format!(
        "put this into /etc/udev/rules.d/60-frisson.rules (the number has to be below 73):\n  {rule}\n\
         then: sudo udevadm control --reload && sudo udevadm trigger, and plug the device in anew"
    );
    let Some(owned) = machine.owned(path) else {
        let fix = "in a container, hand it through; otherwise plug the device in anew".to_owned();
        return (format!("{path} is not there, although the kernel knows the device"), fix);
    };
    // Both reading and writing for the group, which is not the system's own.
    let group =
        (owned.mode & 0o060 == 0o060 && owned.group != 0).then(|| machine.group(owned.group)).flatten();
    match group {
        Some((group, _)) if machine.user.groups.contains(&owned.group) => (
            format!("{path} cannot be opened, although this user is in its group {group}"),
            "something else forbids it, such as a container or AppArmor; hand the device through".to_owned(),
        ),
        Some((group, members)) if machine.user.name.as_ref().is_some_and(|name| members.contains(name)) => (
            format!(
                "{path} cannot be opened: this user is in its group {group}, but not yet in this session"
            ),
            "log out and in again".to_owned(),
        ),
        Some((group, _)) => (
            format!("{path} cannot be opened: it belongs to the group {group}, and this user is not in it"),
            Machine::join(&group),
        ),
        None => (format!("{path} cannot be opened: its permissions are {:03o}", owned.mode), by_rule),
    }
}
