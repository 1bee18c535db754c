//! The few functions and transforms of device files that are Rust: curves that are tables or powers, and one byte scrambler. All are
//! total: they have a value for all arguments, within known bounds.

/// A speed curve: from the distance of a move and its milliseconds to a speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Native {
    /// Strokers of the Launch family.
    Launch,
    /// Fredorch: the slowest of 20 speeds that is in time.
    Fredorch,
    /// Vorze Piston.
    VorzePiston,
}

impl Native {
    pub(super) const ALL: [Self; 3] = [Self::Launch, Self::Fredorch, Self::VorzePiston];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Launch => "launch_speed",
            Self::Fredorch => "fredorch_speed",
            Self::VorzePiston => "vorze_piston_speed",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|native| native.name() == name)
    }

    /// The highest value; the lowest is 0.
    pub(super) fn highest(self) -> i64 {
        match self {
            Self::Launch => 99,
            Self::Fredorch => 20,
            Self::VorzePiston => 100,
        }
    }

    pub(super) fn value(self, dist: i64, ms: i64) -> i64 {
        let (dist, ms) = (dist.clamp(0, 100_000), ms.clamp(0, 10_000_000));
        match self {
            Self::Launch => launch_speed(dist, ms),
            Self::Fredorch => fredorch_speed(dist, ms),
            Self::VorzePiston => vorze_piston_speed(dist, ms),
        }
    }
}

fn launch_speed(dist: i64, ms: i64) -> i64 {
    if dist == 0 {
        return 0;
    }
    let share = (float(dist) / 99.0).min(1.0);
    let speed = 99.0 * 250.0 * (90.0 * float(ms) / (100.0 * share)).powf(-1.05);
    whole(speed, 99)
}

fn vorze_piston_speed(dist: i64, ms: i64) -> i64 {
    if dist == 0 {
        return 0;
    }
    let speed = (200.0 * float(ms) / float(dist.min(200)) / 6658.0).powf(-1.21);
    whole(speed, 100)
}

fn fredorch_speed(dist: i64, ms: i64) -> i64 {
    let Ok(row @ 1..) = usize::try_from(dist) else { return 0 };
    let Some(times) = FREDORCH_TIMES.get(row.min(15) - 1) else { return 0 };
    let slowest = times.iter().zip(1..).find(|(time, _)| i64::from(**time) < ms);
    slowest.map_or(20, |(_, speed)| speed)
}

/// The arguments are limited to what a float holds exactly.
fn float(number: i64) -> f64 {
    number as f64
}

/// Truncated, from 0 to `most`; without a division by zero there is no NaN, and infinity is limited.
fn whole(number: f64, most: i64) -> i64 {
    (number.min(most as f64).max(0.0) as i64).clamp(0, most)
}

/// Row: distance 1 to 15. Column: speed 1 to 19. The milliseconds that the move takes at that speed.
const FREDORCH_TIMES: [[u16; 19]; 15] = [
    [1000, 800, 400, 235, 200, 172, 155, 92, 60, 45, 38, 34, 32, 28, 27, 26, 25, 24, 23],
    [1500, 1000, 800, 680, 600, 515, 425, 265, 165, 115, 80, 70, 50, 48, 45, 35, 34, 33, 32],
    [2500, 2310, 1135, 925, 792, 695, 565, 380, 218, 155, 105, 82, 70, 68, 65, 60, 48, 45, 43],
    [3000, 2800, 1500, 1155, 965, 810, 690, 465, 260, 195, 140, 110, 85, 75, 74, 73, 70, 65, 60],
    [3400, 3232, 2305, 1380, 1200, 1165, 972, 565, 328, 235, 162, 132, 98, 78, 75, 74, 73, 72, 71],
    [3500, 3350, 2500, 1640, 1250, 1210, 1010, 645, 385, 275, 175, 160, 115, 95, 91, 90, 85, 80, 77],
    [3600, 3472, 2980, 2060, 1560, 1275, 1132, 738, 430, 310, 230, 170, 128, 122, 110, 108, 105, 103, 101],
    [3800, 3500, 3055, 2105, 1740, 1370, 1290, 830, 490, 355, 235, 195, 150, 140, 135, 132, 130, 125, 120],
    [3900, 3518, 3190, 2315, 2045, 1510, 1442, 1045, 552, 392, 280, 225, 172, 145, 140, 138, 135, 134, 132],
    [6000, 5755, 3240, 2530, 2135, 1605, 1500, 1200, 595, 425, 285, 245, 175, 170, 160, 155, 150, 145, 142],
    [6428, 5872, 3335, 2780, 2270, 1782, 1590, 1310, 648, 470, 315, 255, 182, 180, 175, 172, 170, 162, 160],
    [6730, 5950, 3490, 2995, 2395, 1890, 1650, 1350, 700, 500, 350, 290, 220, 190, 185, 180, 175, 170, 165],
    [6962, 6122, 3880, 3205, 2465, 1900, 1700, 1400, 835, 545, 375, 310, 228, 195, 190, 185, 182, 181, 180],
    [7945, 6365, 4130, 3470, 2505, 1910, 1755, 1510, 855, 580, 400, 330, 235, 210, 205, 200, 195, 190, 185],
    [8048, 7068, 4442, 3708, 2668, 1930, 1800, 1520, 878, 618, 428, 365, 260, 255, 250, 240, 230, 220, 210],
];

/// What is done with the bytes of a packet after rendering, or before its answer is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transform {
    /// Galaku's rolling XOR, for packets of 12 bytes.
    Galaku,
}

impl Transform {
    pub(super) const ALL: [Self; 1] = [Self::Galaku];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Galaku => "galaku",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transform| transform.name() == name)
    }

    /// The longest packet that it is defined for.
    pub(super) fn longest(self) -> usize {
        match self {
            Self::Galaku => 12,
        }
    }

    pub(super) fn encode(self, bytes: &mut [u8]) {
        match self {
            Self::Galaku => galaku(bytes, |plain, first, key| (key ^ first ^ plain).wrapping_add(key), true),
        }
    }

    pub(super) fn decode(self, bytes: &mut [u8]) {
        match self {
            Self::Galaku => galaku(bytes, |code, first, key| code.wrapping_sub(key) ^ first ^ key, false),
        }
    }
}

const GALAKU_KEYS: [[u8; 12]; 4] = [
    [0, 24, 152, 247, 165, 61, 13, 41, 37, 80, 68, 70],
    [0, 69, 110, 106, 111, 120, 32, 83, 45, 49, 46, 55],
    [0, 101, 120, 32, 84, 111, 121, 115, 10, 142, 157, 163],
    [0, 197, 214, 231, 248, 10, 50, 32, 111, 98, 13, 10],
];

/// The first byte stays; every other goes by a key that the code byte before it chooses.
fn galaku(bytes: &mut [u8], change: impl Fn(u8, u8, u8) -> u8, encoding: bool) {
    let Some((first, rest)) = bytes.split_first_mut() else { return };
    let mut before = *first;
    for (byte, place) in rest.iter_mut().zip(1..) {
        let row = GALAKU_KEYS.get(usize::from(before % 4));
        let Some(key) = row.and_then(|row| row.get(place)) else { return };
        let changed = change(*byte, *first, *key);
        before = if encoding { changed } else { *byte };
        *byte = changed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launch_speed_agrees_with_its_vectors() {
        let vectors = [
            (99, 500, 40),
            (50, 500, 19),
            (99, 250, 83),
            (99, 2000, 9),
            (10, 100, 19),
            (99, 100, 99),
            (1, 1000, 0),
        ];
        for (dist, ms, speed) in vectors {
            assert_eq!(Native::Launch.value(dist, ms), speed, "{dist} in {ms} ms");
        }
        assert_eq!(Native::Launch.value(50, 0), 99);
        assert_eq!(Native::Launch.value(0, 0), 0);
    }

    #[test]
    fn vorze_piston_speed_agrees_with_its_vectors() {
        for (dist, ms, speed) in [(50, 500, 4), (99, 1000, 4), (99, 200, 29), (10, 2000, 0)] {
            assert_eq!(Native::VorzePiston.value(dist, ms), speed, "{dist} in {ms} ms");
        }
        assert_eq!(Native::VorzePiston.value(50, 0), 100);
    }

    #[test]
    fn nothing_moves_over_no_distance() {
        for native in Native::ALL {
            assert_eq!(native.value(0, 500), 0, "{}", native.name());
        }
    }

    #[test]
    fn fredorch_speed_agrees_with_its_vectors() {
        for (dist, ms, speed) in [(8, 200, 12), (7, 50, 20), (15, 5000, 3), (40, 5000, 3)] {
            assert_eq!(Native::Fredorch.value(dist, ms), speed, "{dist} in {ms} ms");
        }
    }

    #[test]
    fn curves_stay_within_their_bounds_for_all_arguments() {
        for native in Native::ALL {
            for dist in [i64::MIN, -1, 0, 1, 7, 15, 99, 200, 201, i64::MAX] {
                for ms in [i64::MIN, -1, 0, 1, 20, 500, 100_000, i64::MAX] {
                    let value = native.value(dist, ms);
                    assert!(
                        (0..=native.highest()).contains(&value),
                        "{} {dist} {ms}: {value}",
                        native.name()
                    );
                }
            }
        }
    }

    #[test]
    fn galaku_agrees_with_its_vectors() {
        let vectors = [
            (
                [0x23, 0x5A, 0, 0, 1, 0x31, 0, 0, 0, 0, 0],
                [0x23, 0x81, 0xBB, 0xAB, 0xD2, 0xEC, 0x3B, 0x23, 0xBB, 0xA3, 0x3B, 0x90],
            ),
            (
                [0x23, 0x5A, 0, 0, 1, 0x31, 0x32, 0, 0, 0, 0],
                [0x23, 0x81, 0xBB, 0xAB, 0xD2, 0xEC, 0x29, 0xC3, 0xBB, 0xA3, 0x3B, 0xD2],
            ),
            (
                [0x23, 0x5A, 0, 0, 1, 0x40, 3, 0x0A, 0x14, 0, 0],
                [0x23, 0x81, 0xBB, 0xAB, 0xD2, 0x7B, 0x44, 0x29, 0x47, 0xA3, 0x3B, 0],
            ),
            (
                [0x23, 0x5A, 0, 0, 1, 0x13, 0, 0, 0, 0, 0],
                [0x23, 0x81, 0xBB, 0xAB, 0xD2, 0xCE, 0xD3, 0x23, 0xBB, 0xA3, 0x3B, 0xC2],
            ),
            (
                [0x23, 0x5A, 0, 0, 1, 0x60, 3, 0x4B, 0x32, 0, 0],
                [0x23, 0x81, 0xBB, 0xAB, 0xD2, 0x9B, 0x44, 0x6A, 0x25, 0x43, 0x3B, 0x81],
            ),
        ];
        for (plain, code) in vectors {
            let sum = plain.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
            let mut bytes = [plain.as_slice(), &[sum]].concat();
            Transform::Galaku.encode(&mut bytes);
            assert_eq!(bytes, code);
            Transform::Galaku.decode(&mut bytes);
            assert_eq!(bytes, [plain.as_slice(), &[sum]].concat());
        }
    }
}
