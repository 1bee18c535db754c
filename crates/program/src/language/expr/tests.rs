use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::language::names::{Level, Names};

/// Variables by name, and a few bytes that have been emitted.
struct Values(BTreeMap<Var, i64>);

impl Env for Values {
    fn load(&self, var: Var) -> i64 {
        self.0.get(&var).copied().unwrap_or(0)
    }

    fn emitted(&self, from: u16) -> &[u8] {
        [0x00, 0x02, 0x00, 0x03, 0x0C, 0x32].get(usize::from(from)..).unwrap_or(&[])
    }
}

fn parsed(text: &str) -> Expr {
    parse(text, &Names::default(), Level::Packet).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}")).expr
}

fn value(text: &str) -> Result<i64, Fault> {
    let values = [(Var::Value, 7), (Var::Index, 2), (Var::Of(0), 5), (Var::Of(1), 0), (Var::Len, 6)];
    parsed(text).code.value(&Values(values.into()))
}

#[test]
fn precedence_is_that_of_c() {
    let same = [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 3 - 2", 5),
        ("100 / 10 / 5", 2),
        ("7 % 4 * 2", 6),
        ("1 << 2 + 1", 8),
        ("1 + 1 << 2", 8),
        ("6 & 3 == 3", 0),
        ("1 | 2 ^ 3 & 2", 1),
        ("1 < 2 == 1", 1),
        ("5 > 3 > 1", 0),
        ("1 || 0 && 0", 1),
        ("0 ? 1 : 0 ? 2 : 3", 3),
        ("1 ? 0 ? 1 : 2 : 3", 2),
        ("-2 + 5", 3),
        ("!0 + 1", 2),
        ("~0 & 0xFF", 255),
        ("- -3", 3),
        ("!v0 == 0", 1),
        ("0xFF - 0x43 + len & 0xFF", 0xC2),
        ("v0 << 4 | v0", 0x55),
        ("(v * 7 + 3000) * 1023 / 10000 << 6 | 60", 311 << 6 | 60),
    ];
    for (text, expected) in same {
        assert_eq!(value(text), Ok(expected), "{text}");
    }
}

#[test]
fn numbers_are_divided_towards_zero() {
    assert_eq!(
        [value("-7 / 2"), value("-7 % 2"), value("7 / -2"), value("-8 >> 1")],
        [Ok(-3), Ok(-1), Ok(-3), Ok(-4)]
    );
}

#[test]
fn truth_is_0_or_1_and_the_right_side_is_left_alone_where_it_does_not_count() {
    assert_eq!(
        [value("v && v0"), value("v1 || v"), value("v1 && 1 / v1"), value("v || 1 / v1")],
        [Ok(1), Ok(1), Ok(0), Ok(1)]
    );
}

#[test]
fn what_has_no_value_is_a_fault() {
    assert_eq!(value("1 / v1"), Err(Fault::DivisionByZero));
    assert_eq!(value("1 % v1"), Err(Fault::DivisionByZero));
    assert_eq!(value("0x7FFFFFFFFFFFFFFF + 1"), Err(Fault::Overflow));
    assert_eq!(value("0x4000000000000000 * 4"), Err(Fault::Overflow));
    assert_eq!(value("-(0 - 0x7FFFFFFFFFFFFFFF - 1)"), Err(Fault::Overflow));
    assert_eq!(value("(0 - 0x7FFFFFFFFFFFFFFF - 1) / -1"), Err(Fault::Overflow));
    assert_eq!(value("1 << 63"), Err(Fault::Shift(63)));
    assert_eq!(value("1 << -1"), Err(Fault::Shift(-1)));
    assert_eq!(value("3 << 62"), Err(Fault::Overflow));
}

#[test]
fn functions_do_what_they_say() {
    assert_eq!([value("abs(-3)"), value("min(3, v1, 2)"), value("max(3, v, 2)")], [Ok(3), Ok(0), Ok(7)]);
    assert_eq!(
        [value("clamp(v, 0, 5)"), value("clamp(-1, 0, 5)"), value("clamp(3, 0, 5)")],
        [Ok(5), Ok(0), Ok(3)]
    );
    assert_eq!([value("sum(1)"), value("xor(0)"), value("sum(99)")], [Ok(0x43), Ok(0x3F), Ok(0)]);
    assert_eq!(value("launch_speed(99, 500)"), Ok(40));
}

#[test]
fn the_checksum_of_modbus_is_the_published_one() {
    assert_eq!(Emitted::Crc16Modbus.of(b"123456789"), 0x4B37);
    assert_eq!(Emitted::Crc16Modbus.of(&[1, 6, 0, 0x64, 0, 1]), 0xD509);
}

#[test]
fn a_format_follows_the_expression() {
    let format = |text: &str| {
        let parsed = parse(text, &Names::default(), Level::Packet).expect("an expression");
        parsed.format.and_then(|at| text.get(at..)).map(str::to_owned)
    };
    assert_eq!(format("v"), None);
    assert_eq!(format("v:02"), Some("02".to_owned()));
    assert_eq!(format("v ? 1 : 2:u16le"), Some("u16le".to_owned()));
}

#[test]
fn a_mistake_is_named_where_it_stands() {
    let wrong = [
        ("", 0, "expected a number"),
        ("1 +", 3, "expected a number"),
        ("1 2", 2, "expected an operator, found `2`"),
        ("(1", 2, "expected a closing `)`"),
        ("v ? 1", 5, "expected the `:`"),
        ("v = 1", 2, "`==`"),
        ("1 + speed(2)", 4, "no function `speed`"),
        ("min(1)", 0, "takes two or more values, not 1"),
        ("sum(v)", 4, "number of its first byte"),
        ("v + whatever", 4, "unknown name `whatever`"),
        ("k", 0, "has no value here"),
        ("0x", 0, "not a number"),
        ("99999999999999999999", 0, "not a number"),
        ("$", 0, "no meaning"),
    ];
    for (text, at, message) in wrong {
        let (place, found, _) =
            parse(text, &Names::default(), Level::Packet).err().unwrap_or_else(|| panic!("{text}"));
        assert_eq!(place, at, "{text}: {found}");
        assert!(found.contains(message), "{text}: {found}");
    }
}

#[test]
fn depth_and_size_are_limited() {
    let deep = |levels: usize| format!("{}1{}", "(".repeat(levels), ")".repeat(levels));
    assert!(parse(&deep(30), &Names::default(), Level::Packet).is_ok());
    for text in [deep(40), deep(100_000), "-".repeat(100_000), "1?".repeat(100_000), "1+".repeat(300) + "1"] {
        assert!(parse(&text, &Names::default(), Level::Packet).is_err());
    }
}

const VARIABLES: [(&str, Var); 4] =
    [("v", Var::Value), ("v0", Var::Of(0)), ("prev", Var::Previous), ("seq", Var::Seq)];

/// An expression over four variables.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(VARIABLES.map(|(name, _)| name.to_owned()).to_vec()),
        (-5_i64..300).prop_map(|number| if number < 0 { format!("({number})") } else { number.to_string() }),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operators = ["+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^", "==", "!=", "<", "<=", ">", ">=", "&&", "||"];
        prop_oneof![
            8 => (inner.clone(), prop::sample::select(operators.to_vec()), inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            1 => (prop::sample::select(vec!["-", "!", "~"]), inner.clone()).prop_map(|(sign, value)| format!("{sign}({value})")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            1 => (prop::sample::select(vec!["min", "max", "launch_speed"]), inner.clone(), inner.clone())
                .prop_map(|(name, a, b)| format!("{name}({a}, {b})")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("clamp({a}, {b}, {c})")),
            1 => inner.prop_map(|value| format!("abs({value})")),
        ]
    })
}

/// What a tree is worth, by another way than the code.
fn walk(node: &Node, env: &Values) -> Result<i64, Fault> {
    let walk = |node| walk(node, env);
    Ok(match node {
        Node::Number(number) => *number,
        Node::Load(var) => env.load(*var),
        Node::Unary(operation, value) => unary(*operation, walk(value)?)?,
        Node::Binary(operation, left, right) => binary(*operation, walk(left)?, walk(right)?)?,
        Node::And(left, right) => i64::from(walk(left)? != 0 && walk(right)? != 0),
        Node::Or(left, right) => i64::from(walk(left)? != 0 || walk(right)? != 0),
        Node::Choose(nodes) => walk(if walk(&nodes[0])? != 0 { &nodes[1] } else { &nodes[2] })?,
        Node::Abs(value) => walk(value)?.checked_abs().ok_or(Fault::Overflow)?,
        Node::Extreme(extreme, values) => {
            let all: Result<Vec<_>, _> = values.iter().map(walk).collect();
            let all = all?.into_iter();
            if *extreme == Extreme::Least { all.min().expect("some") } else { all.max().expect("some") }
        }
        Node::Clamp(nodes) => walk(&nodes[0])?.min(walk(&nodes[2])?).max(walk(&nodes[1])?),
        Node::Emitted(function, from) => function.of(env.emitted(*from)),
        Node::Native(native, nodes) => native.value(walk(&nodes[0])?, walk(&nodes[1])?),
    })
}

/// Where the value of one variable may begin and how far it goes.
fn range() -> impl Strategy<Value = Interval> {
    (-130_i64..130, 0_i64..5).prop_map(|(low, size)| Interval::new(low, low + size))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_parser_panic(text in "[-+*/%!~()?:&|^<>=,;0-9xXbva-z_ {}$é]{0,80}") {
        let _ = parse(&text, &Names::default(), Level::Each);
        let _ = parse(&text, &Names::default(), Level::Setup);
    }

    #[test]
    fn any_text_at_all_is_parsed_or_refused(text in any::<String>()) {
        let _ = parse(&text, &Names::default(), Level::Packet);
    }

    #[test]
    fn the_code_is_worth_what_the_tree_is_worth(text in expression(), values in prop::array::uniform4(-300_i64..300)) {
        let Ok(parsed) = parse(&text, &Names::default(), Level::Packet) else { return Ok(()) };
        let env = Values(VARIABLES.into_iter().zip(values).map(|((_, var), value)| (var, value)).collect());
        prop_assert_eq!(parsed.expr.code.value(&env).ok(), walk(&parsed.expr.node, &env).ok(), "{}", text);
    }

    #[test]
    fn no_value_leaves_its_interval(text in expression(), ranges in prop::array::uniform4(range())) {
        let Ok(parsed) = parse(&text, &Names::default(), Level::Packet) else { return Ok(()) };
        let of = |var| VARIABLES.iter().position(|(_, known)| *known == var).map_or(Interval::only(0), |at| ranges[at]);
        let bound = Bound::of(&parsed.expr.node, &of);
        let [a, b, c, d] = ranges.map(|range| range.low..=range.high);
        for (a, b, c, d) in a.flat_map(|a| b.clone().map(move |b| (a, b)))
            .flat_map(|(a, b)| c.clone().map(move |c| (a, b, c)))
            .flat_map(|(a, b, c)| d.clone().map(move |d| (a, b, c, d)))
        {
            let values = VARIABLES.into_iter().zip([a, b, c, d]).map(|((_, var), value)| (var, value)).collect();
            match parsed.expr.code.value(&Values(values)) {
                Ok(value) => prop_assert!(bound.values.contains(value), "{text} is {value}, not in {bound:?}"),
                Err(fault) => prop_assert!(bound.may_fail, "{text} {fault}, with {bound:?}"),
            }
        }
    }
}
