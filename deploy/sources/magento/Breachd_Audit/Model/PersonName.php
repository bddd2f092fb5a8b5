<?php

declare(strict_types=1);

namespace Breachd\Audit\Model;

use Magento\Authorization\Model\UserContextInterface;
use Magento\User\Model\UserFactory;

/** One name for one person, however he comes in: breachd's HR directory lists these names. */
class PersonName
{
    public function __construct(private UserFactory $userFactory)
    {
    }

    /** The name behind a token of the web API; null for guests. */
    public function of(?int $type, ?int $id): ?string
    {
        if ($id === null || $id <= 0) {
            return null;
        }
        return match ($type) {
            UserContextInterface::USER_TYPE_ADMIN => $this->userFactory->create()->load($id)->getUserName() ?: null,
            UserContextInterface::USER_TYPE_INTEGRATION => self::ofIntegration($id),
            UserContextInterface::USER_TYPE_CUSTOMER => self::ofCustomer($id),
            default => null,
        };
    }

    public static function ofCustomer(int $id): string
    {
        return 'customer-' . $id;
    }

    public static function ofIntegration(int $id): string
    {
        return 'integration-' . $id;
    }
}
