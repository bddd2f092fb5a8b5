//! The stable hash: the same on every machine, in every version.

use activity::{EntityKind, Mode};

/// FNV-1a, 64 bit (Fowler, Noll, Vo), finished with the mixer of MurmurHash3 (fmix64, A. Appleby), because FNV alone
/// leaves the high bits of short texts poorly mixed.
///
/// Neither secret nor cryptographic: an attacker can choose texts that collide. Nothing that must hold depends on it.
pub fn stable_hash(parts: &[&[u8]]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hash = (hash ^ 0xff).wrapping_mul(0x0100_0000_01b3); // 0xff is in no UTF-8 text: parts cannot run together
        }
        for byte in *part {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// The tally partition an entity belongs to: its stable hash, scaled to `partitions` by multiplication.
///
/// All sources, and the fleet, lie in one: they are few, and only together can it be told whether one of them fell silent or
/// all did. All entities of a drill follow the same rule with the drill's id as one more part. `partitions` of 0 counts as 1.
pub fn partition_of(mode: Mode, kind: EntityKind, id: &str, partitions: u32) -> u32 {
    let (kind, id) = match kind {
        EntityKind::Source => (EntityKind::Fleet, "all"),
        kind => (kind, id),
    };
    let kind = [kind.code()];
    let hash = match mode {
        Mode::Live => stable_hash(&[&kind, id.as_bytes()]),
        Mode::Drill(drill) => stable_hash(&[&kind, id.as_bytes(), &drill.0.to_le_bytes()]),
    };
    ((u128::from(hash) * u128::from(partitions.max(1))) >> 64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::DrillId;

    #[test]
    fn partitions_never_move() {
        let of = |id| partition_of(Mode::Live, EntityKind::PortalUser, id, 8);
        assert_eq!(
            ["u0001", "u0002", "u0003", "u1042", ""].map(of),
            [6, 5, 6, 6, 5],
            "changing this loses every baseline"
        );
        assert_eq!(stable_hash(&[b"breachd"]), 0x8664_fab0_af90_c0b3);
    }

    #[test]
    fn sources_lie_together() {
        let of = |kind, id| partition_of(Mode::Live, kind, id, 8);
        let fleet = of(EntityKind::Fleet, "all");
        assert!(["audit", "access", "slow"].iter().all(|id| of(EntityKind::Source, id) == fleet));
    }

    #[test]
    fn partitions_are_even_and_in_range() {
        let mut counts = [0u32; 7];
        for n in 0..7000 {
            counts[partition_of(Mode::Live, EntityKind::UserTable, &format!("u{n}|hr.t"), 7) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        assert_eq!(partition_of(Mode::Drill(DrillId(1)), EntityKind::Table, "x", 0), 0);
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(stable_hash(&[b"ab", b"c"]), stable_hash(&[b"a", b"bc"]));
    }
}
