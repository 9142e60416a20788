import type { Language } from "./templates.ts";

export const vietnamese: Language = {
  closing: "Nếu bạn không chờ đợi thư này, bạn có thể bỏ qua.",
  "verify-email": ({ firstName, again }) => ({
    subject: again ? "Xác minh địa chỉ email của bạn (đăng ký lại)" : "Xác minh địa chỉ email của bạn",
    paragraphs: [
      `Xin chào ${firstName},`,
      ...(again
        ? [
            "Có người, có thể là bạn, vừa đăng ký lại địa chỉ này. Các liên kết trước vẫn dùng được. Mỗi liên kết ứng với mật khẩu đã chọn ở lần đăng ký đó.",
          ]
        : []),
      "Vui lòng xác nhận địa chỉ này là của bạn để có thể đăng nhập.",
      "Trang xác nhận sẽ hỏi mật khẩu đã chọn ở lần đăng ký này. Nếu không biết mật khẩu đó, bạn có thể chọn mật khẩu mới tại đó.",
    ],
    action: "Xác nhận địa chỉ",
  }),
  "address-known": ({ firstName }) => ({
    subject: "Bạn đã có tài khoản",
    paragraphs: [
      `Xin chào ${firstName},`,
      "Có người, có thể là bạn, vừa đăng ký bằng địa chỉ này. Địa chỉ đã có tài khoản nên không có gì thay đổi.",
      "Nếu đó là bạn, hãy đăng nhập như bình thường, hoặc đặt lại mật khẩu nếu bạn đã quên.",
    ],
    action: "Đến trang chủ",
  }),
  "address-check": ({ firstName }) => ({
    subject: "Địa chỉ của bạn nhận được thư của chúng tôi",
    paragraphs: [
      `Xin chào ${firstName},`,
      "Một thư trước đây không gửi được đến địa chỉ này. Thư này được gửi để kiểm tra xem thư đã đến được chưa. Bạn không cần làm gì.",
    ],
  }),
  "reset-password": ({ firstName }) => ({
    subject: "Đặt lại mật khẩu",
    paragraphs: [`Xin chào ${firstName},`, "Dùng liên kết này để chọn mật khẩu mới. Liên kết chỉ dùng được một lần, trong thời gian ngắn."],
    action: "Chọn mật khẩu mới",
  }),
  "password-changed": ({ firstName }) => ({
    important: true,
    subject: "Mật khẩu của bạn đã được thay đổi",
    paragraphs: [
      `Xin chào ${firstName},`,
      "Mật khẩu tài khoản của bạn vừa được thay đổi và mọi phiên làm việc đã kết thúc.",
      "Nếu không phải bạn, hãy đặt lại mật khẩu ngay và báo cho quản trị viên.",
    ],
    action: "Đến trang chủ",
  }),
  "api-key-leaked": ({ firstName, keyName, keyPrefix }) => ({
    important: true,
    subject: "Một khóa API của bạn bị lộ và đã bị thu hồi",
    paragraphs: [
      `Xin chào ${firstName},`,
      `Khóa API ${keyPrefix} (${keyName}) được báo là đã xuất hiện ở nơi người khác có thể đọc. Khóa đã bị thu hồi và không còn dùng được.`,
      "Hãy tạo khóa mới, thay khóa cũ ở những nơi đang dùng và kiểm tra khóa đã được dùng vào việc gì.",
    ],
    action: "Đến trang chủ",
  }),
  invitation: ({ organizationName, inviterName }) => ({
    subject: `Lời mời tham gia ${organizationName}`,
    paragraphs: [
      "Xin chào,",
      `${inviterName} mời bạn tham gia ${organizationName}.`,
      "Hãy đăng nhập hoặc đăng ký bằng địa chỉ này để chấp nhận.",
    ],
    action: "Chấp nhận lời mời",
  }),
};
