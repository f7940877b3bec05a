//! Which instances have a virtual address: a sorted list, as there may be tens of thousands.

use core::net::IpAddr;
use types::InstanceId;

/// Instances by virtual address.
#[derive(Debug, Default)]
pub(crate) struct VipIndex(Vec<(IpAddr, InstanceId)>);

impl FromIterator<(IpAddr, InstanceId)> for VipIndex {
    fn from_iter<T: IntoIterator<Item = (IpAddr, InstanceId)>>(vips: T) -> Self {
        let mut sorted: Vec<_> = vips.into_iter().collect();
        // Instances with the same address stay in their order.
        sorted.sort_by_key(|(addr, _)| *addr);
        sorted.shrink_to_fit();
        VipIndex(sorted)
    }
}

impl VipIndex {
    /// Whether it is one.
    pub fn contains(&self, addr: IpAddr) -> bool {
        self.0.binary_search_by_key(&addr, |(a, _)| *a).is_ok()
    }

    /// The instances that have it, in order.
    pub fn of(&self, addr: IpAddr) -> impl Iterator<Item = InstanceId> + '_ {
        let first = self.0.partition_point(|(a, _)| *a < addr);
        let from = self.0.get(first..).unwrap_or_default().iter();
        from.take_while(move |(a, _)| *a == addr).map(|(_, id)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_with_all_who_have_it() {
        let addr = |n| IpAddr::from([192, 0, 2, n]);
        let all = [(3, 1), (1, 2), (3, 0), (2, 5), (3, 4)];
        let index: VipIndex = all.into_iter().map(|(n, id)| (addr(n), InstanceId(id))).collect();
        let of = |n| index.of(addr(n)).map(|id| id.0).collect::<Vec<_>>();
        assert_eq!(
            [of(0), of(1), of(2), of(3), of(4)],
            [vec![], vec![2], vec![5], vec![1, 0, 4], vec![]]
        );
        assert_eq!(
            [0, 1, 2, 3, 4].map(|n| index.contains(addr(n))),
            [false, true, true, true, false]
        );
    }
}
