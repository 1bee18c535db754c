//! The picture of an [`App`].

use frisson_wire::{InputKind, OutputKind};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Padding, Paragraph, Widget};

use crate::connect::app::{App, Link};
use crate::connect::device::{Device, Input, Output};
use crate::connect::keys::HELP;

/// From this height on there is room for a tall stop bar.
const TALL: u16 = 20;
/// From this width on steps and descriptions are shown.
const WIDE: u16 = 70;

/// Draws the whole picture.
pub(crate) fn draw(app: &App, frame: &mut Frame<'_>) {
    let area = frame.area();
    let stop_height = if area.height >= TALL { 3 } else { 1 };
    let notices = u16::try_from(app.notices.len()).unwrap_or(0);
    let [header, rule, body, notes, hints, stop] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(notices),
        Constraint::Length(1),
        Constraint::Length(stop_height),
    ])
    .areas(area);
    let buffer = frame.buffer_mut();
    header_line(app).render(header, buffer);
    Line::from("─".repeat(rule.width.into())).dim().render(rule, buffer);
    devices(app, body, buffer);
    notices_lines(app).render(notes, buffer);
    hints_line(app).render(hints, buffer);
    stop_bar(app, stop, buffer);
    if app.shows_help {
        // The stop bar stays to be seen.
        help(header.union(notes), buffer);
    }
}

fn header_line(app: &App) -> Line<'_> {
    let mut spans = vec![" Frisson ".bold().reversed(), " ".into(), app.address.as_str().into()];
    match &app.link {
        Link::Up => {
            if !app.server_name.is_empty() {
                spans.push(format!(" · {}", app.server_name).into());
            }
            spans.push(match app.devices.len() {
                1 => " · 1 device".into(),
                count => format!(" · {count} devices").into(),
            });
            if app.is_scanning {
                spans.push(" · looking for devices …".cyan());
            }
        }
        Link::Down { reason, attempt, at } => {
            let wait = at.map(|at| at.saturating_duration_since(app.now).as_secs_f64().ceil());
            let next = match wait {
                Some(0.0) => format!("attempt {attempt} …"),
                Some(seconds) => format!("attempt {attempt} in {seconds} s"),
                None => "trying again …".to_owned(),
            };
            spans.push(format!(" · not connected, {next} ({reason})").yellow().bold());
        }
    }
    Line::from(spans)
}

fn devices(app: &App, area: Rect, buffer: &mut Buffer) {
    if app.devices.is_empty() {
        let text = match (&app.link, app.is_scanning) {
            (Link::Down { .. }, _) => "",
            (Link::Up, true) => "Switch a device on; it appears here.",
            (Link::Up, false) => "No devices are connected. / looks for some.",
        };
        return Line::from(text).dim().alignment(Alignment::Center).render(area, buffer);
    }
    let rows: Vec<Row<'_>> = app.devices.iter().flat_map(rows).collect();
    let selected = rows
        .iter()
        .position(|row| matches!(row, Row::Output(output) if Some(output.id) == app.selected))
        .unwrap_or(0);
    let has_durations = app.outputs().any(|output| output.durations.is_some());
    let offset = offset(app, rows.len(), selected, area.height.into());
    for (row, line) in rows.iter().skip(offset).zip(area.rows()) {
        match row {
            Row::Device(device) => device_line(device, line, buffer),
            Row::Output(output) => {
                let style = match (&app.link, Some(output.id) == app.selected) {
                    (Link::Down { .. }, _) => Style::new().dim(),
                    (Link::Up, true) => Style::new().bold(),
                    (Link::Up, false) => Style::new(),
                };
                if Some(output.id) == app.selected {
                    buffer.set_stringn(line.x, line.y, "    ▸", line.width.into(), style.cyan());
                }
                output_line(output, style, has_durations, line, buffer);
            }
        }
    }
}

/// A line of the list.
enum Row<'a> {
    Device(&'a Device),
    Output(&'a Output),
}

fn rows(device: &Device) -> impl Iterator<Item = Row<'_>> {
    std::iter::once(Row::Device(device)).chain(device.outputs.iter().map(Row::Output))
}

/// How many lines are left out at the top, so that the selected one is to be seen. At the last output the end is: what follows
/// has nothing to select.
fn offset(app: &App, lines: usize, selected: usize, height: usize) -> usize {
    let most = lines.saturating_sub(height);
    let is_last = app.outputs().last().is_none_or(|output| Some(output.id) == app.selected);
    if is_last && lines.saturating_sub(selected) <= height {
        most
    } else {
        selected.saturating_sub(height / 2).min(most)
    }
}

fn device_line(device: &Device, area: Rect, buffer: &mut Buffer) {
    let mut readings = Line::default();
    for input in &device.inputs {
        readings.push_span("   ");
        reading(input, &mut readings);
    }
    let width = u16::try_from(readings.width()).unwrap_or(u16::MAX).min(area.width / 2);
    let [name, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(width)]).areas(area);
    let number = format!(" {:>2}  ", device.definition.index);
    Line::from(vec![number.dim(), device.label().bold()]).render(name, buffer);
    readings.render(right, buffer);
}

fn reading<'a>(input: &'a Input, line: &mut Line<'a>) {
    let Some(value) = input.values.back() else {
        return line.push_span(format!("{} ––", input.id.kind).dim());
    };
    match input.id.kind {
        InputKind::Battery => {
            let text = format!("Battery {value} %");
            line.push_span(if *value <= 15 { text.yellow().bold() } else { text.green() });
        }
        InputKind::Button if *value != 0 => line.push_span("Button down".cyan().bold()),
        InputKind::Button => line.push_span("Button up"),
        InputKind::Rssi => line.push_span(format!("Signal {value} dBm")),
        InputKind::Pressure => {
            line.push_span("Pressure ");
            line.push_span(sparks(input).cyan());
            line.push_span(format!(" {value}"));
        }
    }
    if input.is_failing {
        line.push_span("?".yellow());
    }
}

/// The last values as little columns.
fn sparks(input: &Input) -> String {
    const COLUMNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let min = input.values.iter().copied().min().unwrap_or(0);
    let max = input.values.iter().copied().max().unwrap_or(0);
    let height = max.saturating_sub(min).max(1);
    let column = |value: &i64| {
        let at = value.saturating_sub(min).saturating_mul(7) / height;
        usize::try_from(at).ok().and_then(|at| COLUMNS.get(at)).copied().unwrap_or('█')
    };
    input.values.iter().map(column).collect()
}

fn output_line(output: &Output, style: Style, has_durations: bool, area: Rect, buffer: &mut Buffer) {
    let is_wide = area.width >= WIDE;
    let [_, kind, description, bar_area, percent, steps, duration] = Layout::horizontal([
        Constraint::Length(6),
        Constraint::Length(16),
        Constraint::Length(if is_wide { 18 } else { 0 }),
        Constraint::Fill(1),
        Constraint::Length(8),
        Constraint::Length(if is_wide { 12 } else { 0 }),
        Constraint::Length(if has_durations { 10 } else { 0 }),
    ])
    .areas(area);
    let mut put = |area: Rect, text: &str, style: Style| {
        buffer.set_stringn(area.x, area.y, text, area.width.into(), style);
    };
    put(kind, kind_name(output.id.kind), style);
    put(description, &output.description, style.dim());
    let fraction = output.fraction();
    let text = fraction.map_or_else(|| "––".to_owned(), |fraction| format!("{:.0} %", fraction * 100.0));
    put(percent, &format!("{text:>7}"), style);
    if let Some(value) = output.value {
        put(steps, &format!(" {:>10}", format!("{value}/{}", output.range.max)), style.dim());
    }
    if output.durations.is_some() {
        put(duration, &format!("{:>10}", format!("{} ms", output.duration)), style);
    }
    let width = bar_area.width.min(60);
    Line::from(bar(output, fraction, width.into(), style)).render(Rect { width, ..bar_area }, buffer);
}

fn kind_name(kind: OutputKind) -> &'static str {
    match kind {
        OutputKind::Led => "Light",
        OutputKind::HwPositionWithDuration => "Position, timed",
        other => other.name(),
    }
}

/// A picture of a value: what is filled, what is not, and a mark where it is a place.
fn bar(output: &Output, fraction: Option<f64>, width: usize, style: Style) -> Vec<Span<'static>> {
    let full = style.fg(if output.id.kind.is_position() { Color::Blue } else { Color::Magenta });
    let empty = style.add_modifier(Modifier::DIM);
    let of = |cells: usize, fraction: f64| {
        // In 0 to `cells`, whatever the fraction: the cast saturates.
        ((cells as f64 * fraction).round() as usize).min(cells)
    };
    let run = |symbol: &str, count: usize, style| Span::styled(symbol.repeat(count), style);
    match fraction {
        None => vec![run("╌", width, empty)],
        Some(fraction) if output.id.kind.is_position() => {
            let before = of(width.saturating_sub(1), fraction);
            let after = width.saturating_sub(before + 1);
            vec![run("─", before, empty), Span::styled("●", full), run("─", after, empty)]
        }
        Some(fraction) if output.has_direction() => {
            let half = width.saturating_sub(1) / 2;
            let (left, right) = (of(half, -fraction), of(half, fraction));
            vec![
                run("─", half - left, empty),
                run("━", left, full),
                Span::styled("┃", style),
                run("━", right, full),
                run("─", half - right, empty),
            ]
        }
        Some(fraction) => {
            let filled = of(width, fraction);
            vec![run("━", filled, full), run("─", width - filled, empty)]
        }
    }
}

fn notices_lines(app: &App) -> Paragraph<'_> {
    let line = |notice: &'_ crate::connect::app::Notice| {
        let text = format!(" {}", notice.text);
        if notice.is_fault { Line::from(text.red().bold()) } else { Line::from(text) }
    };
    Paragraph::new(app.notices.iter().map(line).collect::<Vec<_>>())
}

fn hints_line(app: &App) -> Line<'static> {
    const HINTS: [(&str, &str); 8] = [
        ("q", "leave"),
        ("?", "help"),
        ("x", "stop this"),
        ("↑↓", "select"),
        ("←→", "5 %"),
        ("⇧←→", "1 step"),
        ("0–9", "level"),
        ("/", "scan"),
    ];
    let mut line = Line::default();
    if app.is_leaving {
        return line;
    }
    for (key, meaning) in HINTS {
        line.push_span(format!(" {key} ").bold());
        line.push_span(format!("{meaning} ").dim());
    }
    line
}

fn stop_bar(app: &App, area: Rect, buffer: &mut Buffer) {
    // Reversed, so that it is a bar also where there are no colours (NO_COLOR).
    let stop = Style::new().red().on_white().reversed().bold();
    let (text, style) = match (&app.link, app.is_leaving) {
        (_, true) => ("Stopping …", stop),
        (Link::Up, false) => ("SPACE  stops everything", stop),
        (Link::Down { .. }, false) => {
            let style = Style::new().yellow().on_black().reversed();
            ("Not connected: nothing is driven from here", style)
        }
    };
    buffer.set_style(area, style);
    let middle = Rect { y: area.y + area.height / 2, height: area.height.min(1), ..area };
    Line::from(text).style(style).alignment(Alignment::Center).render(middle, buffer);
}

fn help(area: Rect, buffer: &mut Buffer) {
    let lines: Vec<_> = HELP
        .iter()
        .map(|(keys, meaning)| Line::from(vec![format!("{keys:<16}").bold(), (*meaning).into()]))
        .collect();
    let width = lines.iter().map(Line::width).max().unwrap_or(0);
    let width = u16::try_from(width + 6).unwrap_or(u16::MAX).min(area.width);
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let place = area.centered(Constraint::Length(width), Constraint::Length(height));
    Clear.render(place, buffer);
    let block = Block::bordered().title(" Keys ").padding(Padding::horizontal(2));
    Paragraph::new(lines).block(block).render(place, buffer);
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
