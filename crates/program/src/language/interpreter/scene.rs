//! What templates see when they are rendered.

use frisson_wire::OutputKind;

use super::super::definition::{Definition, Model, Write};
use super::super::expr::{Env, Expr};
use super::super::names::{Kinds, Var, kind_number};
use super::super::pattern::Captured;
use super::super::template::{Each, Format, Hole, LONGEST, Piece, Template};
use crate::{Change, Packet, State};

/// Everything that a device is known to be.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) address: String,
    /// One bit per endpoint of the definition.
    pub(super) has: u64,
    pub(super) captured: Vec<Captured>,
    pub(super) constants: Vec<i64>,
    /// Counts packets that use the counter.
    pub(super) seq: u32,
    /// In ascending order of feature and kind, as in [`State`].
    pub(super) outputs: Vec<Known>,
    /// Grows with every command.
    pub(super) stamp: u64,
}

/// What is known of one output.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) feature: u32,
    pub(super) kind: OutputKind,
    pub(super) top: i64,
    /// What it is to be rendered as.
    pub(super) value: i64,
    /// Where a glide has brought it, which counts instead of its state.
    pub(super) held: Option<i64>,
    /// Of two outputs of one feature, the one set last has the higher one.
    stamp: u64,
}

impl World {
    /// The outputs and constants of a model, once it is known.
    pub(super) fn bind(&mut self, definition: &Definition, model: &Model) {
        let constants = definition.constants(model).into_iter();
        self.constants = constants.map(|value| value.unwrap_or(0)).collect();
        let features = model.features.iter().map(|feature| &feature.feature);
        let outputs =
            features.flat_map(|feature| feature.outputs.iter().map(move |output| (feature.index, output)));
        self.outputs = outputs
            .map(|(feature, output)| Known {
                feature,
                kind: output.kind,
                top: i64::from(output.value.max),
                value: 0,
                held: None,
                stamp: 0,
            })
            .collect();
        self.outputs.sort_by_key(|known| (known.feature, known.kind));
    }

    /// Where an output stands.
    pub(super) fn position(&self, feature: u32, kind: OutputKind) -> Option<usize> {
        self.outputs.binary_search_by_key(&(feature, kind), |known| (known.feature, known.kind)).ok()
    }

    /// Takes over what outputs are set to.
    pub(super) fn update(&mut self, state: &State) {
        for known in &mut self.outputs {
            let value = || i64::from(state.value(known.feature, known.kind));
            known.value = known.held.unwrap_or_else(value);
        }
    }

    /// The output at this place has been set.
    pub(super) fn touch(&mut self, at: usize) {
        self.stamp += 1;
        if let Some(known) = self.outputs.get_mut(at) {
            known.stamp = self.stamp;
        }
    }

    fn count(&self, kinds: Kinds) -> i64 {
        let count = self.outputs.iter().filter(|known| kinds.contains(known.kind)).count();
        i64::try_from(count).unwrap_or(i64::MAX)
    }

    /// The value of the output of this feature that has one of these kinds; of several the one set last.
    fn value_of(&self, feature: u32, kinds: Kinds) -> i64 {
        let from = self.outputs.partition_point(|known| known.feature < feature);
        let of_feature = self.outputs.iter().skip(from).take_while(|known| known.feature == feature);
        let fitting = of_feature.filter(|known| kinds.contains(known.kind));
        fitting
            .reduce(|one, other| if other.stamp > one.stamp { other } else { one })
            .map_or(0, |known| known.value)
    }
}

/// The world as one packet sees it.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) world: &'a World,
    /// The kinds that `v0`, `v1` … speak of.
    pub(super) kinds: Kinds,
    /// The output that is rendered, if the packet is about one.
    pub(super) change: Option<&'a Change>,
    pub(super) top: i64,
}

/// The output that an `each` part has come to.
#[derive(Clone, Copy, Default)]
struct Item {
    value: i64,
    index: i64,
    top: i64,
    ordinal: i64,
    kind: i64,
    count: i64,
}

struct View<'a> {
    scene: Scene<'a>,
    item: Option<Item>,
    emitted: &'a [u8],
}

impl Env for View<'_> {
    fn load(&self, var: Var) -> i64 {
        let world = self.scene.world;
        let of_change = |get: fn(&Change) -> i64| self.scene.change.map_or(0, get);
        match (var, &self.item) {
            (Var::Value, Some(item)) => item.value,
            (Var::Index, Some(item)) => item.index,
            (Var::Top, Some(item)) => item.top,
            (Var::Value, None) => of_change(|change| i64::from(change.value)),
            (Var::Index, None) => of_change(|change| i64::from(change.feature)),
            (Var::Top, None) => self.scene.top,
            (Var::Duration, _) => {
                of_change(|change| i64::try_from(change.duration.as_millis()).unwrap_or(i64::MAX))
            }
            (Var::Previous, _) => of_change(|change| i64::from(change.previous)),
            (Var::Distance, _) => {
                of_change(|change| (i64::from(change.value) - i64::from(change.previous)).abs())
            }
            (Var::Direction, _) => self.scene.change.map_or(1, |change| i64::from(change.direction)),
            (Var::Of(feature), _) => world.value_of(u32::from(feature), self.scene.kinds),
            (Var::Outputs, _) => world.count(Kinds::ALL),
            (Var::OutputsOf(kind), _) => {
                let mut kinds = Kinds::default();
                kinds.insert(kind);
                world.count(kinds)
            }
            (Var::Seq, _) => i64::from(world.seq & 0xFF),
            (Var::Seq32, _) => i64::from(world.seq),
            (Var::Len, _) => i64::try_from(self.emitted.len()).unwrap_or(i64::MAX),
            (Var::Has(at), _) => i64::from(world.has >> u32::from(at.min(63)) & 1 == 1),
            (Var::Captured(at), _) => world.captured.get(usize::from(at)).map_or(0, Captured::number),
            (Var::Constant(at), _) => world.constants.get(usize::from(at)).copied().unwrap_or(0),
            (Var::Ordinal, Some(item)) => item.ordinal,
            (Var::Kind, Some(item)) => item.kind,
            (Var::Count, Some(item)) => item.count,
            (Var::Ordinal | Var::Kind | Var::Count, None) => 0,
        }
    }

    fn emitted(&self, from: u16) -> &[u8] {
        self.emitted.get(usize::from(from)..).unwrap_or(&[])
    }
}

impl Scene<'_> {
    /// A scene without an output, e.g. of a greeting.
    pub(super) fn general(world: &World) -> Scene<'_> {
        Scene { world, kinds: Kinds::ALL, change: None, top: 0 }
    }

    /// The value of a condition.
    pub(super) fn value(&self, expr: &Expr) -> Result<i64, String> {
        let view = View { scene: *self, item: None, emitted: &[] };
        expr.code.value(&view).map_err(|fault| format!("a `when` {fault}"))
    }

    /// The bytes that are written.
    pub(super) fn packet(&self, write: &Write) -> Result<Packet, String> {
        let mut out = Packet::new();
        self.template(&write.template, &mut out)?;
        if let Some(transform) = write.encode {
            transform.encode(&mut out);
        }
        Ok(out)
    }

    fn template(&self, template: &Template, out: &mut Packet) -> Result<(), String> {
        for piece in &template.pieces {
            match piece {
                Piece::Times(times, body) => {
                    for _ in 0..*times {
                        self.plain(body, None, out)?;
                    }
                }
                Piece::Each(each) => self.each(each, out)?,
                plain => self.plain(std::slice::from_ref(plain), None, out)?,
            }
        }
        Ok(())
    }

    fn each(&self, each: &Each, out: &mut Packet) -> Result<(), String> {
        let count = self.world.count(each.kinds);
        let outputs = self.world.outputs.iter().filter(|known| each.kinds.contains(known.kind));
        for (known, ordinal) in outputs.zip(0..) {
            let item = Item {
                value: known.value,
                index: i64::from(known.feature),
                top: known.top,
                ordinal,
                kind: kind_number(known.kind),
                count,
            };
            let before: &[Piece] = if ordinal == 0 { &each.head } else { &[] };
            self.plain(before, Some(item), out)?;
            if ordinal > 0 {
                push(out, &each.sep)?;
            }
            self.plain(&each.body, Some(item), out)?;
        }
        Ok(())
    }

    /// Pieces that contain no others.
    fn plain(&self, pieces: &[Piece], item: Option<Item>, out: &mut Packet) -> Result<(), String> {
        for piece in pieces {
            match piece {
                Piece::Literal(bytes) => push(out, bytes)?,
                Piece::Hole(hole) => self.hole(hole, item, out)?,
                Piece::Splice(at) => {
                    push(out, self.world.captured.get(usize::from(*at)).map_or(&[], Captured::bytes))?;
                }
                Piece::Address => push(out, self.world.address.as_bytes())?,
                Piece::Times(..) | Piece::Each(_) => return Err("parts are nested too deeply".to_owned()),
            }
        }
        Ok(())
    }

    fn hole(&self, hole: &Hole, item: Option<Item>, out: &mut Packet) -> Result<(), String> {
        let view = View { scene: *self, item, emitted: out };
        let format = hole.format.for_top(item.map_or(self.top, |item| item.top));
        let value = hole.expr.code.value(&view).map_err(|fault| format!("`{{{}}}` {fault}", hole.source))?;
        let misfit = || format!("`{{{}}}` is {value}, which does not fit {}", hole.source, format.describe());
        if !format.range().contains(value) {
            return Err(misfit());
        }
        match format {
            Format::U8 => push(out, &u8::try_from(value).map_err(|_| misfit())?.to_be_bytes()),
            Format::I8 => push(out, &i8::try_from(value).map_err(|_| misfit())?.to_be_bytes()),
            Format::U16Le => push(out, &u16::try_from(value).map_err(|_| misfit())?.to_le_bytes()),
            Format::U16Be => push(out, &u16::try_from(value).map_err(|_| misfit())?.to_be_bytes()),
            Format::U32Le => push(out, &u32::try_from(value).map_err(|_| misfit())?.to_le_bytes()),
            Format::U32Be => push(out, &u32::try_from(value).map_err(|_| misfit())?.to_be_bytes()),
            Format::Decimal | Format::PaddedToTop => decimal(out, value, 0),
            Format::Padded(width) => decimal(out, value, usize::from(width)),
        }
    }
}

fn push(out: &mut Packet, bytes: &[u8]) -> Result<(), String> {
    if out.len() + bytes.len() > LONGEST {
        return Err(format!("the packet is longer than {LONGEST} bytes"));
    }
    out.extend_from_slice(bytes);
    Ok(())
}

/// Writes a number in decimal, with zeros in front up to a width that includes a minus.
fn decimal(out: &mut Packet, value: i64, width: usize) -> Result<(), String> {
    let mut digits = [0; 20];
    let mut rest = value.unsigned_abs();
    let mut from = digits.len();
    while let Some((slot, left)) = digits.get_mut(..from).and_then(|left| left.split_last_mut()) {
        *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        from = left.len();
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let digits = digits.get(from..).unwrap_or(&[]);
    let sign: &[u8] = if value < 0 { b"-" } else { b"" };
    push(out, sign)?;
    for _ in sign.len() + digits.len()..width {
        push(out, b"0")?;
    }
    push(out, digits)
}
