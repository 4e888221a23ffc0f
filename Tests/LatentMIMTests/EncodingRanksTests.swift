import Compute
import TestSupport
import Testing

@testable import LatentMIM

/// Encoders that are joined give everything to all ranks, and what one fails at fails on all.
@Suite struct EncodingRanksTests {
  /// What every rank found: numbers of all parts, or what it says of a failure.
  private enum Found: Equatable {
    case numbers([Float], images: [Int])
    case failed(String)
  }

  private struct Unreadable: DescribedError {
    let kind = ErrorKind.io
    let description = "photos/7.png: is damaged"
  }

  /// Parts of different sizes, of which one may fail where it is computed, and one where it is taken.
  private static func run(
    _ encoder: Encoder, parts: Int, failing: Int? = nil, failingToTake: Int? = nil, work: UInt64 = 1
  ) -> Found {
    var (values, images): ([Float], [Int]) = ([], [])
    let result = Result {
      try encoder.eachPart(of: parts, work: work) { number in
        if number == failing { throw Unreadable() }
        return EncodedImages(
          values: try Buffer((0...number).map { Float(10 * number + $0) }), images: [number, 100 + number])
      } take: { number, found in
        if number == failingToTake { throw Unreadable() }
        values += found.values.values
        images += found.images
      }
    }
    do {
      try result.get()
      try encoder.settle()
      return .numbers(values, images: images)
    } catch {
      _ = Result { try encoder.settle(error) }
      return .failed("\(error)")
    }
  }

  private static func encoder() throws -> Encoder { try LatentMIMModel(smallConfiguration(), seed: 1).onlineEncoder }

  @Test(arguments: [1, 2, 3], [0, 1, 2, 5, 6])
  func allRanksGetEverythingInOrder(ranks: Int, parts: Int) throws {
    let alone = Self.run(try Self.encoder(), parts: parts)
    let all = try ThreadRanks(ranks).run { Self.run(try Self.encoder().joined($0), parts: parts) }
    #expect(all == Array(repeating: alone, count: ranks))
  }

  @Test func whatOneFailsAtFailsOnAll() throws {
    let found = try ThreadRanks(3).run { Self.run(try Self.encoder().joined($0), parts: 7, failing: 4) }
    let other = Found.failed("rank 1: photos/7.png: is damaged")
    #expect(found == [other, .failed("photos/7.png: is damaged"), other])
  }

  /// The others hear of it where they meet next: at the next part, or where they end.
  @Test(arguments: [0, 5, 6])
  func whoFailsBetweenPartsSaysSo(number: Int) throws {
    let found = try ThreadRanks(3).run { communicator in
      Self.run(
        try Self.encoder().joined(communicator), parts: 7, failingToTake: communicator.rank == 2 ? number : nil)
    }
    let other = Found.failed("rank 2: photos/7.png: is damaged")
    #expect(found == [other, other, .failed("photos/7.png: is damaged")])
  }

  @Test func ranksThatDoOtherThingsAreTold() throws {
    let works = try ThreadRanks(2).run { communicator in
      Self.run(try Self.encoder().joined(communicator), parts: 3, work: UInt64(communicator.rank))
    }
    let parts = try ThreadRanks(2).run { communicator in
      Self.run(try Self.encoder().joined(communicator), parts: 3 + 2 * communicator.rank)
    }
    for found in works + parts {
      #expect(found == .failed("ranks: rank 1 encodes other images than rank 0, or by another protocol"))
    }
    #expect(throws: RanksError.self) {
      _ = try ThreadRanks(2).run { communicator in
        let model = try LatentMIMModel(smallConfiguration(), seed: UInt64(communicator.rank))
        return try model.onlineEncoder.joined(communicator).configuration.width
      }
    }
  }
}
