//! Finding where something ends in JSON, eight bytes at a time.

/// Four hexadecimal digits.
pub(crate) fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..)?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, &digit| {
        Some((unit << 4) | char::from(digit).to_digit(16)?)
    })
}

/// The number that the first digits at `at` make, and where they end; at most eight are read.
#[inline]
pub(crate) fn up_to_eight_digits(bytes: &[u8], at: usize) -> (u64, usize) {
    const ZEROS: u64 = u64::MAX / 255 * b'0' as u64;
    let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) else {
        let rest = bytes.get(at..).unwrap_or_default();
        let digits = rest.iter().take_while(|b| b.is_ascii_digit());
        return digits.fold((0, at), |(n, at), b| (n * 10 + u64::from(b - b'0'), at + 1));
    };
    let digits = u64::from_le_bytes(*chunk) ^ ZEROS;
    // the high bit of each byte above 9; a carry can only spoil bytes above the first hit
    let others = (digits.wrapping_add(u64::MAX / 255 * 0x76) | digits) & (u64::MAX / 255 * 0x80);
    let count = others.trailing_zeros() / 8;
    // leading zeros instead of what follows, then neighbours are joined: ones, hundreds, ten thousands
    let n = digits.checked_shl(64 - 8 * count).unwrap_or(0);
    let n = n.wrapping_mul(10).wrapping_add(n >> 8) & 0x00ff_00ff_00ff_00ff;
    let n = n.wrapping_mul(100).wrapping_add(n >> 16) & 0x0000_ffff_0000_ffff;
    let n = n.wrapping_mul(10_000).wrapping_add(n >> 32) & 0xffff_ffff;
    (n, at + count as usize)
}

/// Position of the next quote, backslash or control character among `most` bytes from `at` on; the end of these if there is
/// none.
#[inline]
pub(crate) fn plain_run(bytes: &[u8], mut at: usize, most: usize) -> usize {
    let bytes = bytes.get(..at.saturating_add(most)).unwrap_or(bytes);
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // eight at a time: a borrow can only spoil bytes above the first hit, and only the first one counts
    let mut chunks = bytes.get(at..).unwrap_or_default().chunks_exact(8);
    while let Some(chunk) = chunks.next().and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        // swaps the quote with 0x20, where it joins the control characters: one comparison for all
        let low = word ^ (ONES * 2);
        let slash = word ^ (ONES * 0x5c);
        let hits =
            ((low.wrapping_sub(ONES * 0x21) & !low) | (slash.wrapping_sub(ONES) & !slash)) & HIGH;
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..0x20) {
            break;
        }
        at += 1;
    }
    at
}
