/// Refuses images whose axes are surely [N, C, H, W], PyTorch's order: read as [N, H, W, C] they would be a few rows
/// high with dozens of channels, and could be trained on for hours.
///
/// Surely: up to 4 "rows" of at least 16 pixels with at least 16 channels, or up to 15 of at least 32 with as many
/// channels as pixels. Images of few rows with few channels, and patches of a few pixels with many channels, are taken
/// as they are.
///
/// - Throws: `ImageError.channelsFirst`.
func refuseChannelsFirst(_ shape: [Int]) throws {
  guard shape.count == 4 else { return }
  let (rows, columns, channels) = (shape[1], shape[2], shape[3])
  let isFew = (1...4).contains(rows) && columns >= 16 && channels >= 16
  let isSquare = (1...15).contains(rows) && columns >= 32 && channels == columns
  if isFew || isSquare { throw ImageError.channelsFirst(shape) }
}
