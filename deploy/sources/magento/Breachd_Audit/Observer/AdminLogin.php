<?php

declare(strict_types=1);

namespace Breachd\Audit\Observer;

use Breachd\Audit\Model\CurrentPerson;
use Breachd\Audit\Model\HrAudit;
use Magento\Framework\Event\Observer;
use Magento\Framework\Event\ObserverInterface;

/** backend_auth_user_login_success */
class AdminLogin implements ObserverInterface
{
    public function __construct(private HrAudit $hrAudit)
    {
    }

    public function execute(Observer $observer)
    {
        CurrentPerson::is((string) $observer->getData('user')->getUserName());
        $this->hrAudit->record('login');
    }
}
