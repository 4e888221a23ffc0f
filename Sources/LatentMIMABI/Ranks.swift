import CLatentMIM
import Compute
import LatentMIM

@c @implementation public func lm_trainer_join(
  _ handle: Handle, _ communicator: UnsafePointer<lm_communicator>?, _ wire: Text
) -> lm_status {
  attempt {
    let functions = try CommunicatorOfC(given(communicator, "communicator").pointee)
    let precision = try precision(wire)
    guard [.float32, .bf16].contains(precision) else {
      throw ArgumentError("wire is '\(precision.rawValue)', wanted 'float32' or 'bf16'")
    }
    try trainer(handle).join(functions, wire: precision == .bf16 ? .bfloat16 : .float32)
  }
}

@c @implementation public func lm_encoder_join(
  _ handle: Handle, _ communicator: UnsafePointer<lm_communicator>?, _ joined: HandlePlace
) -> lm_status {
  attempt(handingOut: joined) {
    try encoder(handle).joined(CommunicatorOfC(given(communicator, "communicator").pointee))
  }
}

@c @implementation public func lm_encoder_settle(
  _ handle: Handle, _ status: lm_status, _ problem: Text
) -> lm_status {
  attempt {
    let kind = ErrorKind(rawValue: Int32(status.rawValue))
    try encoder(handle).settle(kind.map { RankFailure(try text(problem, "problem"), kind: $0) })
  }
}

/// What a C program says of its ranks.
private final class CommunicatorOfC: Communicator, @unchecked Sendable {
  let (rank, size): (Int, Int)
  private let context: UnsafeMutableRawPointer?
  private let starting:
    @convention(c) (
      UnsafeMutableRawPointer?, lm_exchange, UnsafeRawPointer?, Int64, UnsafeMutableRawPointer?, Int64, IntegerPlace
    ) -> Bool
  private let finishing:
    @convention(c) (
      UnsafeMutableRawPointer?, Int64, Bool, UnsafeMutablePointer<Bool>?
    ) -> Bool

  init(_ functions: lm_communicator) throws {
    (rank, size, context) = (Int(functions.rank), Int(functions.size), functions.context)
    starting = try given(functions.start, "start")
    finishing = try given(functions.finish, "finish")
  }

  func start(_ exchange: Exchange) throws -> Int {
    var request: Int64 = 0
    func start(_ kind: lm_exchange, _ sent: UnsafeRawBufferPointer?, _ received: UnsafeMutableRawBufferPointer) -> Bool
    {
      starting(
        context, kind, sent?.baseAddress, Int64(sent?.count ?? 0), received.baseAddress, Int64(received.count), &request
      )
    }
    let isStarted =
      switch exchange {
      case .sum(let values): start(LM_SUM, nil, UnsafeMutableRawBufferPointer(values))
      case .gather(let sent, let received): start(LM_GATHER, sent, received)
      case .allToAll(let sent, let received): start(LM_ALL_TO_ALL, sent, received)
      }
    guard isStarted else { throw RanksError("an exchange could not be started", kind: .io) }
    return Int(request)
  }

  func finish(_ request: Int, waits: Bool) throws -> Bool {
    var hasEnded = false
    guard finishing(context, Int64(request), waits, &hasEnded) else {
      throw RanksError("an exchange failed", kind: .io)
    }
    return hasEnded
  }
}
